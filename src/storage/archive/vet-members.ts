import { open } from 'node:fs/promises';
import { pipelineRecords } from '../../exec/pipeline.ts';
import { damaged, shown } from './damaged.ts';
import { isRestored, isSameState, type IndexEntry } from './index-entry.ts';
import { archivePaths } from './layout.ts';
import { withSignal } from './listing.ts';
import { merged } from './merged.ts';
import { LIST_ARGUMENTS, parseMember, type Member } from './parse-member.ts';
import { damageOf, indexEntries, type Archive, type ReadOptions } from './read-index.ts';
import { atMost, unprivileged } from './unprivileged.ts';

const READ_TIMEOUT_MS = 6 * 60 * 60_000;
const LINE_BREAK = 0x0a;

/**
 * Reads the members of each archive of a chain, the oldest first, without their contents: they are what its index says this archive holds, one for
 * one and in its order. So none is absolute, contains `..`, goes through a link, comes twice, is a device or is not named; a hard
 * link is another name of a member before it. The chain is whole: what an index has in an older archive is what that one's has.
 * Throws ARCHIVE_DAMAGED; TOOL_MISSING, TOOL_FAILED.
 */
export async function vetMembers(chain: readonly Archive[], options: ReadOptions): Promise<void> {
  if (chain.length === 0) throw damaged('the chain', 'there is no archive in it');
  for (const [at, archive] of chain.entries()) {
    const before = chain[at - 1] ?? null;
    expectLink(archive, before, at);
    if (before !== null) await vetHeld(archive, before, options);
    await vetOne(archive, options);
  }
}

function expectLink({ path, summary }: Archive, before: Archive | null, at: number): void {
  if (summary.level !== at || summary.base !== (before?.summary.sha256 ?? null))
    throw damaged(path, 'it is not on top of the archive that was given with it');
}

/** What is not in this archive is in those below, as this one's index says. */
async function vetHeld(archive: Archive, before: Archive, options: ReadOptions): Promise<void> {
  const pairs = merged(indexEntries(archive, options), indexEntries(before, options));
  for await (const { left, right } of pairs) {
    if (left === null || left.level === archive.summary.level || !isRestored(left)) continue;
    if (right?.level !== left.level || !isSameState(left, right))
      throw damaged(archive.path, `${shown(left.path)} is in no archive of its chain as it was`);
  }
}

async function vetOne(archive: Archive, options: ReadOptions): Promise<void> {
  const { path, summary } = archive;
  const expected = indexEntries(archive, options);
  const firsts = new Map<string, IndexEntry>();
  let count = 0;
  try {
    for await (const line of memberLines(archive, options)) {
      const entry = await nextMember(expected, summary.level);
      const member = parseMember(line.toString('latin1'));
      if (entry === null || member === null || !isMember(member, entry, firsts))
        throw damaged(path, `its member ${shownMember(line)} is not what its index names there`);
      count += 1;
    }
    const missing = await nextMember(expected, summary.level);
    if (missing !== null) throw damaged(path, `${shown(missing.path)} is not in it`);
    if (count !== summary.members)
      throw damaged(path, `it has ${String(count)} members of ${String(summary.members)}`);
  } finally {
    await expected.return();
  }
}

/** The next that the index says is in the archive of this level. */
async function nextMember(
  entries: AsyncGenerator<IndexEntry, void>,
  level: number,
): Promise<IndexEntry | null> {
  for (;;) {
    const next = await entries.next();
    if (next.done === true) return null;
    if (next.value.level === level && isRestored(next.value)) return next.value;
  }
}

const LETTERS: Readonly<Record<string, string>> = { f: '-', d: 'd', l: 'l' };

/** `firsts` has the first names of inodes with several. */
function isMember(member: Member, entry: IndexEntry, firsts: Map<string, IndexEntry>): boolean {
  const first = entry.type === 'd' ? undefined : firsts.get(entry.inode);
  if (entry.type !== 'd' && entry.links > 1 && first === undefined) firsts.set(entry.inode, entry);
  const { mode, uid, gid } = member;
  if (!member.name.equals(memberName(entry))) return false;
  if (entry.type !== 'l' && mode !== entry.mode) return false;
  if (uid !== entry.uid || gid !== entry.gid) return false;
  if (first !== undefined)
    return (
      member.type === 'h' && isSameState(entry, first) && member.target.equals(memberName(first))
    );
  if (member.type !== LETTERS[entry.type]) return false;
  return entry.type === 'f' ? member.size === entry.size : member.target.equals(entry.target);
}

/** As `writeArchive` gives it to tar(1), which puts a slash behind a directory's. */
function memberName({ path, type }: IndexEntry): Buffer {
  const end = type === 'd' && path.length > 0 ? '/' : '';
  return Buffer.concat([Buffer.from('./'), path, Buffer.from(end)]);
}

function shownMember(line: Buffer): string {
  return shown(line.subarray(0, 1_000));
}

/** No more is unpacked than the manifest says. */
async function* memberLines(
  { path, summary }: Archive,
  { runtimeDir, signal }: ReadOptions,
): AsyncGenerator<Buffer, void> {
  const file = await open(archivePaths(path).data, 'r');
  try {
    const stages = [
      unprivileged('zstd', ['-dc', '-q']),
      atMost(summary.streamBytes),
      unprivileged('tar', LIST_ARGUMENTS),
    ];
    const options = { runtimeDir, stdin: file.fd, timeoutMs: READ_TIMEOUT_MS };
    yield* pipelineRecords(stages, {
      ...withSignal(options, signal),
      separator: LINE_BREAK,
      diesWithUs: true,
    });
  } catch (error) {
    throw damageOf(path, error);
  } finally {
    await file.close();
  }
}
