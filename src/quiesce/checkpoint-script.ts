import { escapeForTerminal } from '../model/names.ts';
import type { Cause, SqliteRow } from '../model/snapshot.ts';
import { VOLUME_AT } from '../exec/fence-mounts.ts';
import type { DatabaseFile } from './read-candidates.ts';

/** The numbers of one `PRAGMA wal_checkpoint` row. */
export type Counters = Pick<SqliteRow, 'busy' | 'log' | 'checkpointed'>;

/** SQLite's unix VFS opens no path of more than 512 bytes (MAX_PATHNAME in os_unix.c), the fence's prefix included. */
export const MAX_PATH_BYTES = 512 - `${VOLUME_AT}/`.length;
const MAX_NOTE = 300;
const UNASKED: Counters = { busy: -1, log: -1, checkpointed: -1 };

/**
 * The database as SQLite's URI: any byte can stand in it, nothing begins with a dash, and `mode=rw` never creates a
 * file (sqlite.org/uri.html).
 */
export function databaseUri(path: Buffer): string {
  const encoded = Array.from(path, (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9_.\/-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0')}`;
  });
  return `file:${VOLUME_AT}/${encoded.join('')}?mode=rw`;
}

/** What sqlite3 reads: nothing in the schema is trusted, then the checkpoint `passes` times. */
export function checkpointScript(
  mode: SqliteRow['mode'],
  busyTimeoutMs: number,
  passes: number,
): string {
  const checkpoint = `PRAGMA wal_checkpoint(${mode.toUpperCase()});\n`;
  return `.timeout ${String(Math.round(busyTimeoutMs))}\nPRAGMA trusted_schema=OFF;\n${checkpoint.repeat(passes)}`;
}

/** The last complete checkpoint of sqlite3's output, else its last row, else null. */
export function answerOf(stdout: string, isComplete: (row: Counters) => boolean): Counters | null {
  const rows = Array.from(
    stdout.matchAll(/^(-?\d+)\|(-?\d+)\|(-?\d+)$/gm),
    ([, busy, log, checkpointed]) => ({
      busy: Number(busy),
      log: Number(log),
      checkpointed: Number(checkpointed),
    }),
  );
  return rows.findLast(isComplete) ?? rows.at(-1) ?? null;
}

export interface RowContext {
  readonly volumeName: string;
  readonly mode: SqliteRow['mode'];
}

/** What came of asking one database; without counters, why there are none. */
export interface Answer {
  readonly counters: Counters | null;
  readonly note?: string;
  readonly cause?: Cause;
}

/** A database's row; without counters it says that it could not be asked. Notes are escaped and short. */
export function rowFor(context: RowContext, database: DatabaseFile, answer: Answer): SqliteRow {
  const { counters, note = '', cause } = answer;
  const isUtf8 = Buffer.from(database.path, 'utf8').equals(database.pathBytes);
  return {
    volume: context.volumeName,
    path: database.path,
    ...(isUtf8 ? {} : { pathBase64: database.pathBytes.toString('base64') }),
    mode: context.mode,
    ...(counters ?? UNASKED),
    ...(note === '' ? {} : { note: escapeForTerminal(note.trim()).slice(0, MAX_NOTE) }),
    ...(cause === undefined ? {} : { cause }),
  };
}
