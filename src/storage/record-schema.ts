import { posix } from 'node:path';
import * as z from 'zod';
import {
  TRANSACTION_KINDS,
  TRANSACTION_PHASES,
  type TransactionRecord,
} from '../model/transaction.ts';

const text = z.string();
/** Paths are joined to a mount point of ours: none may lead out of it. */
const pathInFs = text.refine((path) => path.startsWith('/') && posix.normalize(path) === path);
const tree = z.object({ kind: z.enum(['dataset', 'directory']), guid: text });

const record = z.object({
  format: z.literal(1),
  id: text.regex(/^[A-Za-z0-9-]+$/),
  kind: z.enum(TRANSACTION_KINDS),
  agent: text,
  createdAt: text,
  phase: z.enum(TRANSACTION_PHASES),
  snapshot: text.nullable(),
  safety: text.nullable(),
  start: z.boolean(),
  volumes: z.array(z.object({ name: text, fsId: text, pathInFs, old: tree, new: tree })),
  containers: z.array(
    z.object({
      id: text,
      name: text,
      ran: z.boolean(),
      paused: z.boolean(),
      unhealthy: z.boolean(),
    }),
  ),
  dependents: z.array(text),
});

/** A transaction's record, or null when it is damaged. */
export function parseRecord(json: string): TransactionRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  const parsed = record.safeParse(value);
  return parsed.success ? parsed.data : null;
}
