import { CowherdError } from '../../model/errors.ts';
import { attributes, isRestoredAttribute } from './attributes.ts';
import { shown } from './damaged.ts';
import { formatEntry, isRestored, isUnchanged, type IndexEntry } from './index-entry.ts';
import { listing } from './listing.ts';
import { merged } from './merged.ts';
import { ATTRIBUTES_MARK, indexEntries, type Archive } from './read-index.ts';
import { recordFile, type RecordFile } from './record-file.ts';
import { specialFiles } from './special-files.ts';
import type { ArchiveSummary } from './summary.ts';

export interface DraftRequest {
  readonly source: string;
  /** The archive that this one is on top of. */
  readonly base: Archive | null;
  readonly level: number;
  /** A private directory on a disk. */
  readonly scratch: string;
  readonly runtimeDir: string;
  readonly signal?: AbortSignal | undefined;
}

export type Counts = Pick<
  ArchiveSummary,
  | 'members'
  | 'entries'
  | 'contentBytes'
  | 'largestBytes'
  | 'specials'
  | 'special'
  | 'unrestoredAttributes'
>;

export interface Draft {
  readonly counts: Counts;
  /** The index, not yet compressed. */
  readonly indexFile: string;
  /** Names of members, a NUL after each. */
  readonly membersFile: string;
}

/** With `./` before it and a NUL behind it a name must be one that system calls take (PATH_MAX). */
const LONGEST_PATH = 4_090;
const NUL = Buffer.of(0);
const HERE = Buffer.from('./');
const MARK = Buffer.of(ATTRIBUTES_MARK);

/**
 * Writes down what is in a tree and what of it an archive is to hold: all of it, or what is not as the base's index has it, with every
 * directory and all names of a file that has several. Throws TIER_UNSUPPORTED for a path that is too long, and as `listing` does.
 */
export async function draftIndex(request: DraftRequest): Promise<Draft> {
  const indexFile = `${request.scratch}/index`;
  const membersFile = `${request.scratch}/members`;
  const groups = request.base === null ? new Set<string>() : await changedGroups(request);
  const counted = counter();
  const [index, members] = [await recordFile(indexFile), await recordFile(membersFile)];
  try {
    for await (const { left: entry, right } of againstBase(request)) {
      if (entry === null) continue;
      const isNew = !isHeld(entry, right) || groups.has(entry.inode);
      const level = isNew ? request.level : (right?.level ?? 0);
      await index.write(formatEntry({ ...entry, level }), NUL);
      if (isRestored(entry) && isNew) await members.write(HERE, entry.path, NUL);
      counted.add(entry, isNew);
    }
    const unrestoredAttributes = await noteAttributes(request, index);
    return { counts: { ...counted.sums(), unrestoredAttributes }, indexFile, membersFile };
  } finally {
    await members.close().finally(index.close);
  }
}

async function* againstBase(request: DraftRequest): ReturnType<typeof merged> {
  const now = listing(request.source, request);
  if (request.base !== null) yield* merged(now, indexEntries(request.base, request));
  else for await (const left of now) yield { left, right: null };
}

/** True when the chain below has it as it is. */
function isHeld(now: IndexEntry, then: IndexEntry | null): boolean {
  return then !== null && isUnchanged(now, then);
}

/** Inodes with several names of which any is not as it was: they are archived with all of them, so that they stay one file. */
async function changedGroups(request: DraftRequest): Promise<ReadonlySet<string>> {
  const changed = new Set<string>();
  for await (const { left, right } of againstBase(request))
    if (left !== null && isGroup(left) && !isHeld(left, right)) changed.add(left.inode);
  return changed;
}

function isGroup({ type, links }: IndexEntry): boolean {
  return type !== 'd' && links > 1;
}

function counter() {
  let [members, entries, contentBytes, largestBytes] = [0, 0, 0, 0];
  const specials = specialFiles();
  const seen = new Set<string>();
  return {
    add: (entry: IndexEntry, isNew: boolean): void => {
      if (!isRestored(entry)) {
        specials.add(entry);
        return;
      }
      if (entry.path.length > LONGEST_PATH) throw tooLong(entry.path);
      entries += 1;
      members += isNew ? 1 : 0;
      if (entry.type !== 'f' || (isGroup(entry) && seen.has(entry.inode))) return;
      if (isGroup(entry)) seen.add(entry.inode);
      contentBytes += Number(entry.size);
      largestBytes = Math.max(largestBytes, Number(entry.size));
    },
    sums: () => ({ members, entries, ...specials.found(), contentBytes, largestBytes }),
  };
}

function tooLong(path: Buffer): CowherdError {
  const message = `a path in it is ${String(path.length)} bytes long, and only ${String(LONGEST_PATH)} can be archived: ${shown(path)}`;
  return new CowherdError('TIER_UNSUPPORTED', message, {
    hint: 'move what lies so deep further up, or remove it, then run it again',
  });
}

/** Gives how many of them are not restored. */
async function noteAttributes(
  { source, signal }: DraftRequest,
  index: RecordFile,
): Promise<number> {
  let unrestored = 0;
  for await (const record of attributes(source, signal)) {
    await index.write(MARK, record, NUL);
    unrestored += isRestoredAttribute(record) ? 0 : 1;
  }
  return unrestored;
}
