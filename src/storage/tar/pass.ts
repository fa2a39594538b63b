import { open, rm } from 'node:fs/promises';
import { pipeline } from '../../exec/pipeline.ts';
import type { StageEnd } from '../../exec/stages.ts';
import { attributeIn, attributesOf } from '../archive/attributes.ts';
import { formatEntry, isRestored, isSameState, type IndexEntry } from '../archive/index-entry.ts';
import { listing, withSignal } from '../archive/listing.ts';
import { merged } from '../archive/merged.ts';
import { recordFile, type RecordFile } from '../archive/record-file.ts';
import { LONGEST_INSIDE } from '../tree/copyable.ts';
import { expectForgivable, SOME_FAILED } from './complaints.ts';
import { markUnwritten, readListing, replaceListing } from './staged-listing.ts';

export interface PassRequest {
  /** The volume's data, by a mount in which no link is followed. */
  readonly live: string;
  /** A directory of ours alone; it has the copy (`tree`) and what the volume was like when it was made (`listing`). */
  readonly place: string;
  /** Seconds of the clock before all that was dirty in memory was written out. */
  readonly since: number;
  /** Nobody writes: whatever cannot be copied is a failure. */
  readonly still: boolean;
  readonly runtimeDir: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Passed {
  /** False when something was left out, since it lies too deep to be copied. */
  readonly whole: boolean;
}

const COPY_TIMEOUT_MS = 6 * 60 * 60_000;
const NUL = Buffer.of(0);
const HERE = Buffer.from('./');

const CREATE = [
  ...['--create', '--file=-', '--format=posix', '--numeric-owner'],
  ...['--xattrs', '--xattrs-include=*', '--sparse', '--no-recursion', '--one-file-system'],
  ...['--warning=no-timestamp', '--null', '--files-from=-'],
];
const EXTRACT = [
  ...['--extract', '--file=-', '--preserve-permissions', '--same-owner', '--numeric-owner'],
  ...['--xattrs', '--xattrs-include=*', '--delay-directory-restore', '--warning=no-timestamp'],
];
/** tar(1) says so of files that change or go while it reads them. */
const CHANGED = 1;

/** Where a staging directory has what. */
export function stagedTree(place: string): string {
  return `${place}/tree`;
}

/**
 * Makes the copy of a volume what the volume is, by copying what has another state than it had at the pass before. Files that were
 * changed after `since` of that pass are copied again in any case: what is written into a mapped page that is dirty already changes no time. Throws
 * NO_SPACE, TOOL_FAILED, TOOL_MISSING; what was done then is done again by the next.
 */
export async function pass(request: PassRequest): Promise<Passed> {
  const { place } = request;
  const lists = {
    next: `${place}/next`,
    members: `${place}/members`,
    removals: `${place}/removals`,
    directories: `${place}/directories`,
    stale: `${place}/stale`,
  };
  for (const path of Object.values(lists)) await rm(path, { force: true });
  const passed = await compare(request, lists);
  await markUnwritten(place);
  const tree = stagedTree(place);
  await feed(lists.removals, request, [
    { file: 'xargs', args: ['-0', '-r', '--', 'rm', '-rf', '--'], cwd: tree },
  ]);
  await clearAttributes(request, lists);
  const forgiving = request.still ? [] : ['--ignore-failed-read'];
  const copied = await feed(lists.members, request, [
    {
      ...{ file: 'tar', args: [...forgiving, ...CREATE], cwd: request.live },
      okExits: request.still ? [] : [CHANGED],
    },
    { file: 'tar', args: EXTRACT, cwd: tree, okExits: request.still ? [] : [SOME_FAILED] },
  ]);
  if (!request.still) expectForgivable(copied);
  await replaceListing(place, lists.next, request.since);
  return passed;
}

async function feed(
  list: string,
  { runtimeDir, signal }: PassRequest,
  stages: Parameters<typeof pipeline>[0],
): Promise<readonly StageEnd[]> {
  const file = await open(list, 'r');
  try {
    if ((await file.stat()).size === 0) return [];
    const options = { runtimeDir, stdin: file.fd, timeoutMs: COPY_TIMEOUT_MS, diesWithUs: true };
    return (await pipeline(stages, withSignal(options, signal))).stages;
  } finally {
    await file.close();
  }
}

/** A directory stays what it is while its attributes come anew; those that it has no more must go (a default ACL is inherited). */
async function clearAttributes(request: PassRequest, lists: Lists): Promise<void> {
  const { place, runtimeDir, signal } = request;
  const tree = stagedTree(place);
  const stale = await recordFile(lists.stale);
  const names = await open(lists.directories, 'r');
  try {
    if ((await names.stat()).size === 0) return;
    const options = { stdin: names.fd, runtimeDir, signal };
    for await (const record of attributesOf(tree, options)) {
      const found = attributeIn(record);
      if (found === null) continue;
      await stale.write(Buffer.from('-x\0'), found.name, Buffer.from('\0--\0'), found.path, NUL);
    }
  } finally {
    await names.close();
    await stale.close();
  }
  const args = ['-0', '-r', '-n', '4', '--', 'setfattr'];
  await feed(lists.stale, request, [{ file: 'xargs', args, cwd: tree }]);
}

interface Lists {
  readonly next: string;
  readonly members: string;
  readonly removals: string;
  /** Directories that are there and have changed. */
  readonly directories: string;
  /** Arguments of setfattr(1). */
  readonly stale: string;
}

/** Writes down what is in the volume now, what of it is to be copied, and what is to be removed from the copy before. */
async function compare(request: PassRequest, paths: Lists): Promise<Passed> {
  const { place } = request;
  const lists = await openLists(paths);
  const { next, members, removals, directories } = lists;
  const groups = new Map<string, Group>();
  const parents = new Set<string>();
  const gone = removed();
  let whole = true;
  const copy = async (path: Buffer): Promise<void> => {
    parents.add(parentOf(path));
    await members.write(HERE, path, NUL);
  };
  try {
    const before = await readListing(place);
    const now = listing(request.live, { ...request, scratch: place });
    for await (const pair of merged(now, before.entries)) {
      const [left, right] = [reachable(pair.left), pair.right];
      whole &&= left === pair.left;
      if (right !== null && left?.type !== right.type && gone.add(right)) {
        parents.add(parentOf(right.path));
        await removals.write(HERE, right.path, NUL);
      }
      if (left === null) continue;
      await next.write(formatEntry(left), NUL);
      if (!isRestored(left)) continue;
      const isHeld = right !== null && isSameState(left, right) && isOld(left, before.since);
      if (left.type === 'd' && right?.type === 'd' && !isHeld)
        await directories.write(HERE, left.path, NUL);
      if (left.type !== 'd' && left.links > 1) join(groups, left, isHeld);
      else if (!isHeld) await copy(left.path);
    }
    for (const path of changedNames(groups)) await copy(path);
    // What is made or removed in a directory of the copy changes its times.
    for (const parent of parents) await members.write(HERE, Buffer.from(parent, 'latin1'), NUL);
    return { whole };
  } finally {
    await closeAll(Object.values(lists));
  }
}

async function openLists({ next, members, removals, directories }: Lists) {
  return {
    next: await recordFile(next),
    members: await recordFile(members),
    removals: await recordFile(removals),
    directories: await recordFile(directories),
  };
}

/** A list that could not be written to its end is none. Throws what the first failed with. */
async function closeAll(files: readonly RecordFile[]): Promise<void> {
  const closed = await Promise.allSettled(files.map(async (file) => file.close()));
  const failed = closed.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Names of one file: they are copied together, so that they stay one. */
interface Group {
  readonly paths: Buffer[];
  isHeld: boolean;
}

function join(groups: Map<string, Group>, { inode, path }: IndexEntry, isHeld: boolean): void {
  const group = groups.get(inode) ?? { paths: [], isHeld: true };
  group.paths.push(path);
  group.isHeld &&= isHeld;
  groups.set(inode, group);
}

function changedNames(groups: ReadonlyMap<string, Group>): readonly Buffer[] {
  return [...groups.values()].flatMap(({ paths, isHeld }) => (isHeld ? [] : paths));
}

/** What is to be removed of a copy: whatever lies in a directory that is goes with it, and comes later in a listing. */
function removed(): { readonly add: (entry: IndexEntry) => boolean } {
  const directories = new Set<string>();
  return {
    add: ({ path, type }) => {
      if (type === 'd') directories.add(path.toString('latin1'));
      return !directories.has(parentOf(path));
    },
  };
}

/** What lies deeper could not be restored everywhere: it is left out. */
function reachable(entry: IndexEntry | null): IndexEntry | null {
  return entry === null || entry.path.length > LONGEST_INSIDE ? null : entry;
}

/** Directories are listed, and what changes their list changes their times at once. */
function isOld({ type, ctime }: IndexEntry, since: number): boolean {
  return type !== 'f' || Number(ctime) < since;
}

function parentOf(path: Buffer): string {
  return path.toString('latin1', 0, Math.max(0, path.lastIndexOf(0x2f)));
}
