import { records } from '../exec/records.ts';
import { SMALLEST_PAGE_BYTES } from './sqlite-header.ts';

/** A regular file with one link that has a database's size. */
export interface Candidate {
  readonly kind: 'candidate';
  readonly path: Buffer;
  readonly sizeBytes: number;
  readonly uid: number;
  readonly gid: number;
}

/** What find(1) says of one entry of an image; `other` has no name, it only counts. */
export type Entry =
  Candidate | { readonly kind: 'placeholder'; readonly path: Buffer } | { readonly kind: 'other' };

const OTHER: Entry = { kind: 'other' };
const FIELDS = 4;
const SPACE = 0x20;

/**
 * One pass over everything below `root` on its filesystem, links not followed (find(1)). A directory with inode number 2
 * stands where a nested subvolume was when btrfs took the snapshot. Throws as `records` does.
 */
export async function* findEntries(root: string, timeoutMs: number): AsyncGenerator<Entry, void> {
  for await (const record of records('find', [root, ...EXPRESSION], { timeoutMs }))
    yield parseEntry(record);
}

const EXPRESSION = [
  ...['-xdev', '-mindepth', '1'],
  ...['-type', 'd', '-inum', '2', '-printf', 'p 0 0 0 %P\\0'],
  '-o',
  ...[
    '-type',
    'f',
    '-links',
    '1',
    '-size',
    `+${String(SMALLEST_PAGE_BYTES - 1)}c`,
    '-printf',
    'f %s %U %G %P\\0',
  ],
  '-o',
  ...['-printf', '-\\0'],
];

/** Reads `type size uid gid path`; the path is copied and may hold any byte but NUL. */
export function parseEntry(record: Buffer): Entry {
  const kind = record[0];
  if (kind !== 0x66 && kind !== 0x70) return OTHER;
  const at = endOfFields(record);
  const path = Buffer.from(record.subarray(at));
  if (kind === 0x70) return { kind: 'placeholder', path };
  const [, sizeBytes = 0, uid = 0, gid = 0] = record
    .toString('latin1', 0, at)
    .split(' ')
    .map(Number);
  return sizeBytes % SMALLEST_PAGE_BYTES === 0
    ? { kind: 'candidate', path, sizeBytes, uid, gid }
    : OTHER;
}

function endOfFields(record: Buffer): number {
  let at = 0;
  for (let field = 0; field < FIELDS; field += 1) at = record.indexOf(SPACE, at) + 1;
  return at;
}
