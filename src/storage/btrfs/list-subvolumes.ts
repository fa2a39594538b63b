import { records } from '../../exec/records.ts';
import { CowherdError } from '../../model/errors.ts';
import { isInStore, type Layout } from '../files/layout.ts';
import { isSubvolume, uuidOf } from './subvolume.ts';
import { readRoots, type Root } from './root-tree.ts';

/** A subvolume of a filesystem. */
export type ListedSubvolume = Pick<Root, 'path' | 'guid' | 'parentGuid' | 'reachable'>;

const LINE_BREAK = 0x0a;

/**
 * All subvolumes of a filesystem but those in our store; `top` is its mounted top level, in which no symlink is followed. Any user
 * can make some with names that spoil the command's listing: what it says is taken where all of it is plain, else the tree of roots
 * is read.
 */
export async function listSubvolumes(layout: Layout): Promise<readonly ListedSubvolume[]> {
  const { top } = layout;
  // In the store nobody else makes names, and there are thousands.
  const isOthers = ({ path }: ListedSubvolume): boolean => !isInStore(layout, path.toString());
  return (await plainListing(top, isOthers)) ?? readRoots(top, isOthers);
}

type IsWanted = (subvolume: ListedSubvolume) => boolean;

/** Null where the command fails, or says anything that is not so. */
async function plainListing(
  top: string,
  isWanted: IsWanted,
): Promise<readonly ListedSubvolume[] | null> {
  const argv = ['subvolume', 'list', '-u', '-q', '--', top];
  const lines = records('btrfs', argv, { separator: LINE_BREAK });
  const listed = await plainLines(lines, isWanted).catch(isSpoilt);
  if (listed === null) return null;
  const there = await Promise.all(
    listed.map(async ({ path }) => isSubvolume(`${top}${path.toString()}`).catch(() => false)),
  );
  return there.includes(false) ? null : listed;
}

/** A tool that is missing is told; any other failure may be a name's. */
function isSpoilt(error: unknown): null {
  if (error instanceof CowherdError && error.code === 'TOOL_MISSING') throw error;
  return null;
}

/**
 * The wanted ones of the lines of `btrfs subvolume list -u -q`. Null where a line is none, a path twice or not UTF-8: a name that
 * holds a line break may look like further lines, which only can name what another line names too.
 */
export async function plainLines(
  lines: AsyncIterable<Buffer>,
  isWanted: IsWanted,
): Promise<readonly ListedSubvolume[] | null> {
  const listed = new Map<string, ListedSubvolume>();
  for await (const line of lines) {
    const subvolume = parseLine(line);
    if (subvolume === null) return null;
    if (!isWanted(subvolume)) continue;
    const path = subvolume.path.toString();
    if (listed.has(path)) return null;
    listed.set(path, subvolume);
  }
  return [...listed.values()];
}

const LISTED = /^ID \d+ gen \d+ top level \d+ parent_uuid (\S+)\s+uuid (\S+)\s+path (.+)$/;

/** The path with a leading slash. */
function parseLine(line: Buffer): ListedSubvolume | null {
  const [, parent, uuid, path] = LISTED.exec(line.toString('latin1')) ?? [];
  const guid = uuidOf(uuid);
  if (guid === null || path === undefined) return null;
  const bytes = Buffer.from(`/${path}`, 'latin1');
  if (!Buffer.from(bytes.toString()).equals(bytes)) return null;
  return { path: bytes, guid, parentGuid: uuidOf(parent), reachable: true };
}
