import * as z from 'zod';

const toldSchema = z.union([z.number(), z.literal('over')]).exactOptional();

const episodeSchema = z.object({
  key: z.string().min(1),
  kind: z.enum(['failure', 'overdue']),
  agent: z.string().nullable(),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  sinceMs: z.number(),
  endedMs: z.number().nullable(),
  told: z.object({ webhook: toldSchema, command: toldSchema }),
});

/** `notices.json`: which lasting problems were told to whom. */
export const noticesSchema = z.object({ episodes: z.array(episodeSchema) });
