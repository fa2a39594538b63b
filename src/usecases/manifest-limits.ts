import type { FilePath } from '../model/file-path.ts';

/** What one kind of records may take of a manifest: every command that lists restore points holds those of all agents. */
const MOST_BYTES = 160 * 1024;
/** A longer path is none that a system call takes. */
const LONGEST_PATH = 4_095;

export interface Kept<T> {
  readonly kept: readonly T[];
  /** How many were left out. */
  readonly cut: number;
}

/** As many records of what is in an agent's volumes as a manifest has room for, from the first; none with a path that is too long. */
export function withinLimit<T extends FilePath>(records: readonly T[]): Kept<T> {
  let bytes = 0;
  const kept = records.filter((record) => {
    if (record.path.length > LONGEST_PATH) return false;
    bytes += Buffer.byteLength(JSON.stringify(record));
    return bytes <= MOST_BYTES;
  });
  return { kept, cut: records.length - kept.length };
}
