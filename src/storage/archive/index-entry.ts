/** What find(1) says of something in a tree, and which archive of the chain holds it. Numbers and times are compared as they are written. */
export interface IndexEntry {
  /** Relative to the tree, without `./`; empty for the tree itself. */
  readonly path: Buffer;
  readonly depth: number;
  /** find's letter: `f`ile, `d`irectory, `l`ink; or one of those that no archive holds. */
  readonly type: string;
  readonly level: number;
  /** Octal. */
  readonly mode: string;
  readonly uid: string;
  readonly gid: string;
  readonly links: number;
  readonly inode: string;
  /** In bytes; more than a number can hold for a file of holes. */
  readonly size: string;
  /** Seconds and nanoseconds. */
  readonly mtime: string;
  readonly ctime: string;
  readonly device: string;
  /** Where a link points; empty for all else. */
  readonly target: Buffer;
}

/** What -printf of find(1) writes of an entry. No name has two slashes in a row, so that they end it. */
export const LISTING_FORMAT = '%05d %P//%y 0 %m %U %G %n %i %s %T@ %C@ %D %l\\0';

const FIELDS = 11;
const DEPTH_END = 6;
const SPACE = 0x20;
const SLASHES = Buffer.from('//');
const DEPTH = /^\d{5,} $/;
const RECORD =
  /^(\w) (\d+) ([0-7]{1,5}) (\d+) (\d+) (\d+) (\d+) (\d+) (-?\d+\.\d+) (-?\d+\.\d+) (\d+) $/;

/** Reads a record of a listing or an index; its bytes are copied. Null for anything else. */
export function parseEntry(record: Buffer): IndexEntry | null {
  const depthEnd = record.indexOf(SPACE) + 1;
  const nameEnd = record.indexOf(SLASHES, depthEnd);
  if (depthEnd < DEPTH_END || nameEnd < 0) return null;
  const fields = nameEnd + SLASHES.length;
  const end = endOfFields(record, fields);
  const match = RECORD.exec(record.toString('latin1', fields, end));
  const depth = record.toString('latin1', 0, depthEnd);
  if (match === null || !DEPTH.test(depth)) return null;
  const [, type = '', level, mode = '', uid = '', gid = ''] = match;
  const [links, inode = '', size = '', mtime = '', ctime = '', device = ''] = match.slice(6);
  return {
    path: Buffer.from(record.subarray(depthEnd, nameEnd)),
    depth: Number(depth),
    ...{ type, mode, uid, gid, inode, size, mtime, ctime, device },
    ...{ level: Number(level), links: Number(links) },
    target: Buffer.from(record.subarray(end)),
  };
}

function endOfFields(record: Buffer, from: number): number {
  let at = from;
  for (let field = 0; field < FIELDS; field += 1) {
    const space = record.indexOf(SPACE, at);
    if (space < 0) return record.length;
    at = space + 1;
  }
  return at;
}

/** The record of an entry, without the NUL behind it. */
export function formatEntry(entry: IndexEntry): Buffer {
  const { path, depth, type, level, mode, uid, gid, links, inode, size } = entry;
  const fields = [type, level, mode, uid, gid, links, inode, size].map(String);
  const rest = [entry.mtime, entry.ctime, entry.device, ''];
  return Buffer.concat([
    Buffer.from(`${String(depth).padStart(5, '0')} `),
    path,
    SLASHES,
    Buffer.from([...fields, ...rest].join(' ')),
    entry.target,
  ]);
}

/**
 * The order of listings and indexes, which is that of their bytes: a directory comes before all that is in it, and those of one
 * directory together.
 */
export function compareEntries(a: IndexEntry, b: IndexEntry): number {
  if (a.depth !== b.depth) return a.depth - b.depth;
  const common = Math.min(a.path.length, b.path.length);
  const order = a.path.compare(b.path, 0, common, 0, common);
  if (order !== 0 || a.path.length === b.path.length) return order;
  // Two slashes follow the shorter name.
  return a.path.length > common
    ? Buffer.compare(a.path.subarray(common), SLASHES)
    : Buffer.compare(SLASHES, b.path.subarray(common));
}

/** What an archive can hold and a restore brings back. */
export function isRestored({ type }: IndexEntry): boolean {
  return type === 'f' || type === 'd' || type === 'l';
}

/** Whether a copy is of what it was made from, as far as find(1) tells; inode, links and ctime are its own. */
export function isCopyOf(copy: IndexEntry, original: IndexEntry): boolean {
  const { type, uid, gid, mtime } = copy;
  if (type !== original.type || uid !== original.uid || gid !== original.gid) return false;
  if (mtime !== original.mtime) return false;
  if (type === 'l') return copy.target.equals(original.target);
  return copy.mode === original.mode && (type === 'd' || copy.size === original.size);
}

const STATE = [
  ...(['type', 'mode', 'uid', 'gid', 'links'] as const),
  ...(['inode', 'size', 'mtime', 'ctime'] as const),
];

/** Whether two records of one name are of one and the same state of a thing, and not of a directory: whoever changes it, changes its ctime. */
export function isUnchanged(now: IndexEntry, then: IndexEntry): boolean {
  return now.type !== 'd' && isSameState(now, then);
}

/** The same for any two records; the name, the level and the device are no part of it. */
export function isSameState(a: IndexEntry, b: IndexEntry): boolean {
  return STATE.every((field) => a[field] === b[field]) && a.target.equals(b.target);
}
