import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import { escapeForTerminal } from '../../model/names.ts';
import type { Sharing } from './copy-tree.ts';

const READ_TIMEOUT_MS = 6 * 60 * 60_000;
const MAX_LISTING_BYTES = 2 * 1024 * 1024 * 1024 - 1;
/** Type, mode, owner, links, modification time (ns), link target, size of files, name; a NUL after each entry. */
const FORMAT = '%y %m %U %G %n %T@ %l %P\\0';
const FILE_FORMAT = '%y %m %U %G %n %T@ %s %P\\0';

/**
 * Compares a copy with its source: names, types, modes, owners, times, link counts, sizes, symlink targets, xattrs,
 * ACLs and inode flags; contents, or where extents are shared, that holes stayed holes.
 * Throws TOOL_FAILED naming the first difference.
 */
export async function compareTrees(
  source: string,
  target: string,
  sharing: Sharing,
): Promise<void> {
  const copied = sharing === 'copied';
  for (const list of [entries, attributes, flags, ...(copied ? [contents] : [])]) {
    const [left, right] = await Promise.all([list(source), list(target)]);
    const difference = firstDifference(left, right);
    if (difference !== null) throw differs(difference);
  }
  if (!copied) await compareAllocation(source, target);
}

/** The first line that only one of two listings has, or null. The order of lines does not matter. */
export function firstDifference(left: readonly string[], right: readonly string[]): string | null {
  const a = [...left].sort();
  const b = [...right].sort();
  const index = a.findIndex((line, at) => line !== b[at]);
  if (index >= 0) return a[index] ?? null;
  return b.length > a.length ? (b[a.length] ?? null) : null;
}

async function entries(root: string): Promise<readonly string[]> {
  const { stdout } = await run(
    'find',
    ['.', '-xdev', '-type', 'f', '-printf', FILE_FORMAT, '-o', '-printf', FORMAT],
    listing(root),
  );
  return stdout.split('\0');
}

async function attributes(root: string): Promise<readonly string[]> {
  const { stdout } = await run(
    'getfattr',
    ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'],
    listing(root),
  );
  return stdout.split('\n\n');
}

async function flags(root: string): Promise<readonly string[]> {
  const { stdout } = await run('lsattr', ['-R', '-a', '.'], { ...listing(root), okExits: [1] });
  return stdout.split('\n').filter((line) => !line.endsWith('/..') && !line.endsWith(' ..'));
}

async function contents(root: string): Promise<readonly string[]> {
  const sums = ['-exec', 'b2sum', '-z', '--', '{}', '+'];
  const options = { ...listing(root), timeoutMs: READ_TIMEOUT_MS, diesWithUs: true };
  const { stdout } = await run('find', ['.', '-xdev', '-type', 'f', ...sums], options);
  return stdout.split('\0');
}

function listing(root: string): { cwd: string; maxOutputBytes: number } {
  return { cwd: root, maxOutputBytes: MAX_LISTING_BYTES };
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

/** Bytes allocated to a tree's files, hard links counted once, and its number of inodes (du(1)). */
export async function measureTree(
  root: string,
): Promise<{ allocatedBytes: number; entries: number }> {
  const bytes = await run('du', ['-s', '-x', '-B1', '--', root]);
  const inodes = await run('du', ['-s', '-x', '--inodes', '--', root]);
  return {
    allocatedBytes: Number.parseInt(bytes.stdout, 10),
    entries: Number.parseInt(inodes.stdout, 10),
  };
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
