import * as z from 'zod';
import type { ArchiveSummary } from '../archive/summary.ts';

/** What an archive is, and the one it is on top of; in its own directory, so that it can be read where nothing else is left. */
export interface Filed {
  readonly summary: ArchiveSummary;
  /** The name of its base, beside it. */
  readonly base: string | null;
  /** RFC 3339. */
  readonly createdAt: string;
}

const sum = { sha256: z.string().regex(/^[0-9a-f]{64}$/), storedBytes: z.number() };
const filed = z.object({
  createdAt: z.iso.datetime(),
  base: z
    .string()
    .regex(/^[A-Za-z0-9_.%~-]+$/)
    .nullable(),
  summary: z.object({
    ...sum,
    level: z.number().int().min(0),
    base: z.string().nullable(),
    streamBytes: z.number(),
    members: z.number(),
    entries: z.number(),
    contentBytes: z.number(),
    largestBytes: z.number(),
    index: z.object({ ...sum, streamBytes: z.number() }),
    specials: z.number(),
    special: z.array(
      z.object({
        path: z.string(),
        pathBase64: z.string().optional(),
        type: z.enum(['fifo', 'socket', 'block', 'character', 'mount', 'unknown']),
      }),
    ),
    unrestoredAttributes: z.number(),
  }),
});

/** Reads what an archive says of itself; null for anything else. */
export function parseFiled(text: string): Filed | null {
  try {
    const parsed = filed.safeParse(JSON.parse(text));
    return parsed.success ? (parsed.data as Filed) : null;
  } catch {
    return null;
  }
}
