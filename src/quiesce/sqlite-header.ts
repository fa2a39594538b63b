/** Bytes of a database that `parseHeader` looks at (the SQLite file format, "The Database Header"). */
export const HEADER_BYTES = 100;
/** Every database is a multiple of its page size, and the smallest page has this many bytes. */
export const SMALLEST_PAGE_BYTES = 512;
export const JOURNAL_MAGIC_BYTES = 8;

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');
const LARGEST_PAGE_BYTES = 65_536;
const WAL_VERSION = 2;

export interface SqliteHeader {
  readonly pageSizeBytes: number;
  /** Read and write version are both 2: write-ahead logging. */
  readonly wal: boolean;
}

/** True for a file that says it is a SQLite 3 database, whatever follows. */
export function claimsToBeDatabase(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/** What a file's first 100 bytes say, or null when it is no SQLite 3 database. */
export function parseHeader(bytes: Buffer): SqliteHeader | null {
  if (bytes.length < HEADER_BYTES || !claimsToBeDatabase(bytes)) return null;
  const stored = bytes.readUInt16BE(16);
  const pageSizeBytes = stored === 1 ? LARGEST_PAGE_BYTES : stored;
  if (pageSizeBytes < SMALLEST_PAGE_BYTES || (pageSizeBytes & (pageSizeBytes - 1)) !== 0)
    return null;
  return { pageSizeBytes, wal: bytes[18] === WAL_VERSION && bytes[19] === WAL_VERSION };
}

/** True for the start of a rollback journal that still has to be played back (a finished one is empty or zeroed). */
export function isHotJournal(bytes: Buffer): boolean {
  return bytes.subarray(0, JOURNAL_MAGIC_BYTES).equals(JOURNAL_MAGIC);
}
