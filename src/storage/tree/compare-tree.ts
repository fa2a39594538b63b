import { records, type RecordOptions } from '../../exec/records.ts';
import { failureOf, run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import { escapeForTerminal } from '../../model/names.ts';
import { differingFile } from './compare-contents.ts';
import type { Sharing } from './copy-tree.ts';
import { bucketOf, fingerprint, type Fingerprint } from './fingerprint.ts';

const WALK_TIMEOUT_MS = 60 * 60_000;
/** Type, mode, owner, links, modification time (ns), link target, size of files, name; a NUL after each entry. */
const FORMAT = '%y %m %U %G %n %T@ %l %P\\0';
const FILE_FORMAT = '%y %m %U %G %n %T@ %s %P\\0';
const LINE_BREAK = 0x0a;

export interface CompareOptions {
  readonly sharing: Sharing;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
}

type List = (root: string, signal?: AbortSignal) => AsyncGenerator<Buffer, void>;

/**
 * Compares a copy with its source: names, types, modes, owners, times, link counts, sizes, symlink targets, xattrs,
 * ACLs and inode flags; contents, or where extents are shared, that holes stayed holes. In memory that does not grow with the
 * trees. Throws TOOL_FAILED naming a difference.
 */
export async function compareTrees(
  source: string,
  target: string,
  { sharing, signal }: CompareOptions,
): Promise<void> {
  for (const list of [entries, attributes, flags]) {
    const difference = await firstDifference(
      () => list(source, signal),
      () => list(target, signal),
    );
    if (difference !== null) throw differs(difference);
  }
  if (sharing === 'shared') return compareAllocation(source, target);
  const file = await differingFile(source, target, signal);
  if (file !== null) throw differs(file);
}

type Listing = () => AsyncIterable<Buffer>;

/** A record that only one of two listings has, or null. The order of records does not matter. A difference is looked for again. */
export async function firstDifference(left: Listing, right: Listing): Promise<string | null> {
  const [a, b] = await Promise.all([fingerprintOf(left()), fingerprintOf(right())]);
  const bucket = a.differsAt(b);
  if (bucket === null) return null;
  const [some, others] = [await recordsIn(left(), bucket), await recordsIn(right(), bucket)];
  const only =
    some.find((one) => !others.includes(one)) ?? others.find((one) => !some.includes(one));
  return Buffer.from(only ?? 'one entry twice', 'latin1').toString('utf8');
}

async function fingerprintOf(listing: AsyncIterable<Buffer>): Promise<Fingerprint> {
  const found = fingerprint();
  for await (const record of listing) found.add(record);
  return found;
}

/** As many as are needed to name one. */
async function recordsIn(
  listing: AsyncIterable<Buffer>,
  bucket: number,
): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const record of listing)
    if (found.length < NAMED && bucketOf(record) === bucket) found.push(record.toString('latin1'));
  return found;
}

const NAMED = 20_000;

async function* entries(root: string, signal?: AbortSignal): ReturnType<List> {
  const argv = ['.', '-xdev', '-type', 'f', '-printf', FILE_FORMAT, '-o', '-printf', FORMAT];
  yield* records('find', argv, walk(root, signal));
}

/** One record a file: its name and its attributes, which getfattr(1) ends with an empty line and escapes line breaks in. */
async function* attributes(root: string, signal?: AbortSignal): ReturnType<List> {
  const argv = ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'];
  const lines = { ...walk(root, signal), separator: LINE_BREAK };
  let file: Buffer[] = [];
  for await (const line of records('getfattr', argv, lines)) {
    file.push(Buffer.concat([line, Buffer.of(LINE_BREAK)]));
    if (line.length > 0) continue;
    yield Buffer.concat(file);
    file = [];
  }
}

async function* flags(root: string, signal?: AbortSignal): ReturnType<List> {
  const lines = { ...walk(root, signal), separator: LINE_BREAK, okExits: [1] };
  for await (const line of records('lsattr', ['-R', '-a', '.'], lines))
    if (!/[/ ]\.\.$/.test(line.toString('latin1', Math.max(0, line.length - 3)))) yield line;
}

function walk(root: string, signal?: AbortSignal): RecordOptions {
  return { cwd: root, timeoutMs: WALK_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
}

/** Extents are shared one to one; a hole that was filled would show as far more than metadata's rounding. */
async function compareAllocation(source: string, target: string): Promise<void> {
  const [{ allocatedBytes: from }, { allocatedBytes: to }] = await Promise.all([
    measureTree(source),
    measureTree(target),
  ]);
  if (to > from * 1.02 + 1024 * 1024)
    throw differs(`${String(from)} bytes are allocated in the source, ${String(to)} in the copy`);
}

/** What a tree takes. */
export interface Measured {
  readonly allocatedBytes: number;
  readonly entries: number;
}

/** Bytes allocated to a tree's files, hard links counted once, and its number of inodes (du(1)), as far as they stay while it looks. */
export async function measureTree(root: string, signal?: AbortSignal): Promise<Measured> {
  return {
    allocatedBytes: await sum(root, '-B1', signal),
    entries: await sum(root, '--inodes', signal),
  };
}

/** du(1) exits 1 when a name was gone before it came there, and says the sum of the others. */
async function sum(
  root: string,
  unit: '-B1' | '--inodes',
  signal: AbortSignal | undefined,
): Promise<number> {
  const args = ['-s', '-x', unit, '--', root];
  const ending = signal === undefined ? {} : { signal };
  const { exitCode, stdout, stderr } = await run('du', args, { okExits: [1], ...ending });
  const found = Number.parseInt(stdout, 10);
  if (Number.isInteger(found)) return found;
  throw failureOf({ file: 'du', args, code: undefined, timedOut: false, exitCode, stderr });
}

function differs(what: string): CowherdError {
  return new CowherdError(
    'TOOL_FAILED',
    `the copy differs from its source: ${escapeForTerminal(what.trim())}`,
    {
      hint: 'nothing was changed; if something writes to this directory from outside Docker, stop it first',
    },
  );
}
