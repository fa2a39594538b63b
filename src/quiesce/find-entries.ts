import { records } from '../exec/records.ts';
import { SMALLEST_PAGE_BYTES } from './sqlite-header.ts';

/** A regular file that has a database's size, or a database's name. */
export interface Candidate {
  readonly kind: 'candidate';
  readonly path: Buffer;
  readonly sizeBytes: number;
  /** Names it has, here or elsewhere on its filesystem. */
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
}

/** What find(1) says of one entry of an image; `other` has no name, it only counts. `root` begins the image of this number. */
export type Entry =
  | Candidate
  | { readonly kind: 'placeholder'; readonly path: Buffer }
  | { readonly kind: 'root'; readonly index: number }
  | { readonly kind: 'other' };

const OTHER: Entry = { kind: 'other' };
const FIELDS = 5;
const SPACE = 0x20;
const [FILE, PLACEHOLDER, ROOT] = [0x66, 0x70, 0x72];

/**
 * One pass over everything below these directories, in their order, each on its filesystem, links not followed (find(1)); a
 * process for all of them. A directory with inode number 2 stands where a nested subvolume was when btrfs took the snapshot.
 * Throws as `records` does.
 */
export async function* findEntries(
  roots: readonly string[],
  timeoutMs: number,
): AsyncGenerator<Entry, void> {
  const begins = roots.flatMap((root, index) => [
    ...['-path', root.replace(/[*?[\]\\]/g, String.raw`\$&`)],
    ...['-printf', `r ${String(index)} 0 0 0 \\0`, '-o'],
  ]);
  const argv = [...roots, '-xdev', ...begins, ...EXPRESSION];
  for await (const record of records('find', argv, { timeoutMs })) yield parseEntry(record);
}

const NAMED = ['*.db', '*.sqlite', '*.sqlite3'].flatMap((name) => ['-o', '-name', name]);
const DATABASE_NAME = /\.(?:db|sqlite3?)$/;

const EXPRESSION = [
  ...['-type', 'd', '-inum', '2', '-printf', 'p 0 0 0 0 %P\\0'],
  '-o',
  ...[
    '-type',
    'f',
    ...['(', '-size', `+${String(SMALLEST_PAGE_BYTES - 1)}c`, ...NAMED, ')'],
    ...['-printf', 'f %s %U %G %n %P\\0'],
  ],
  '-o',
  ...['-printf', '-\\0'],
];

/** Reads `type size uid gid links path`, for a root its number in place of the size; the path is copied and may hold any byte but NUL. */
export function parseEntry(record: Buffer): Entry {
  const kind = record[0];
  if (kind !== FILE && kind !== PLACEHOLDER && kind !== ROOT) return OTHER;
  const at = endOfFields(record);
  const path = Buffer.from(record.subarray(at));
  if (kind === PLACEHOLDER) return { kind: 'placeholder', path };
  const fields = record.toString('latin1', 0, at).split(' ').slice(1).map(Number);
  const [sizeBytes = 0, uid = 0, gid = 0, links = 0] = fields;
  if (kind === ROOT) return { kind: 'root', index: sizeBytes };
  const pages = sizeBytes >= SMALLEST_PAGE_BYTES && sizeBytes % SMALLEST_PAGE_BYTES === 0;
  return pages || DATABASE_NAME.test(path.toString('latin1'))
    ? { kind: 'candidate', path, sizeBytes, uid, gid, links }
    : OTHER;
}

function endOfFields(record: Buffer): number {
  let at = 0;
  for (let field = 0; field < FIELDS; field += 1) at = record.indexOf(SPACE, at) + 1;
  return at;
}
