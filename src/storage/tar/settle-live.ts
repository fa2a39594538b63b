import { lstat, rm } from 'node:fs/promises';
import { systemCode } from '../../model/errors.ts';
import { filePath, type FilePath } from '../../model/file-path.ts';
import { formatEntry, isCopyOf, isRestored, type IndexEntry } from '../archive/index-entry.ts';
import { listing } from '../archive/listing.ts';
import { merged } from '../archive/merged.ts';
import { recordFile } from '../archive/record-file.ts';
import { specialFiles, type Specials } from '../archive/special-files.ts';
import { stagedTree } from './pass.ts';
import { readListing, replaceListing } from './staged-listing.ts';

export interface SettleRequest {
  /** The volume's data, by a mount in which no link is followed. */
  readonly live: string;
  readonly place: string;
  /** Paths of what is not what was copied of the volume (latin1). */
  readonly replaced: ReadonlySet<string>;
  readonly runtimeDir: string;
  readonly signal?: AbortSignal | undefined;
}

const NUL = Buffer.of(0);
/** No file has it: whatever is listed with it is copied again by the next pass. */
const NO_INODE = '0';

export interface Settled {
  readonly specials: Specials;
  /** What did not change meanwhile and is not in the copy as it is; the first of them. */
  readonly unread: readonly FilePath[];
}

/** How many are named. */
const MOST_UNREAD = 100;

/**
 * Brings the listing of a copy that was made while the volume was written in line with what the copy is: what differs is copied again by
 * the next pass.
 */
export async function settleLive(request: SettleRequest): Promise<Settled> {
  const { place } = request;
  const specials = specialFiles();
  const path = `${place}/next`;
  await rm(path, { force: true });
  const next = await recordFile(path);
  const { since, entries } = await readListing(place);
  const unread: FilePath[] = [];
  try {
    const found = listing(stagedTree(place), { ...request, scratch: place });
    for await (const { left, right } of merged(found, entries)) {
      const isSpecial = right !== null && !isRestored(right);
      if (isSpecial) specials.add(right);
      else if (right !== null && (await isUnread(request, left, right))) add(right.path);
      const entry = isSpecial && left === null ? right : entryOf(request, left, right);
      if (entry !== null) await next.write(formatEntry(entry), NUL);
    }
  } finally {
    await next.close();
  }
  await replaceListing(place, path, since);
  return { specials: specials.found(), unread };

  function add(name: Buffer): void {
    if (unread.length < MOST_UNREAD) unread.push(filePath(name));
  }
}

/** What the next pass is told of a copy. */
function entryOf(
  { replaced }: SettleRequest,
  left: IndexEntry | null,
  right: IndexEntry | null,
): IndexEntry | null {
  if (left === null) return null;
  const isAsListed = right !== null && isCopyOf(left, right);
  return isAsListed && !replaced.has(nameOf(left)) ? right : { ...left, inode: NO_INODE };
}

/** What is removed from a directory of the copy, or put into it, changes its times. */
async function isUnread(
  { live, replaced }: SettleRequest,
  left: IndexEntry | null,
  right: IndexEntry,
): Promise<boolean> {
  if (left !== null && (left.type === 'd' || isCopyOf(left, right))) return false;
  return !replaced.has(nameOf(right)) && isAsItWas(live, right);
}

/** Whether a thing in the volume is what was listed of it still. */
async function isAsItWas(live: string, { path, inode, size, ctime }: IndexEntry): Promise<boolean> {
  try {
    const name = Buffer.concat([Buffer.from(`${live}/`), path]);
    const stats = await lstat(name, { bigint: true });
    const changedAt = BigInt(ctime.replace('.', '').slice(0, -1));
    const isSame = String(stats.ino) === inode && String(stats.size) === size;
    return isSame && stats.ctimeNs === changedAt;
  } catch (error) {
    if (GONE.includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

const GONE = ['ENOENT', 'ENOTDIR', 'ELOOP'];

function nameOf({ path }: IndexEntry): string {
  return path.toString('latin1');
}
