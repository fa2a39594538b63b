import * as z from 'zod';

const targetSchema = z.object({
  containerId: z.string(),
  name: z.string(),
  method: z.enum(['cgroup', 'pause']),
  cgroup: z
    .object({ path: z.string().startsWith('/'), version: z.union([z.literal(1), z.literal(2)]) })
    .nullable(),
});

const recordSchema = z.object({
  pid: z.int().positive(),
  pidStartTime: z.int().nonnegative(),
  socket: z.string().nullable(),
  createdAt: z.string(),
  targets: z.array(targetSchema),
});

/** What a process has frozen or is about to freeze: written before the first freeze, removed after the verified thaw. */
export type FreezeRecord = Readonly<z.infer<typeof recordSchema>>;

/** A record's text, or null when it is none. */
export function parseRecord(text: string): FreezeRecord | null {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
