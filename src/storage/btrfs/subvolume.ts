import { lstat } from 'node:fs/promises';
import { runOnPaths } from '../../exec/run-on-paths.ts';
import { failureOf, run } from '../../exec/run.ts';
import { CowherdError, systemCode, toCowherdError } from '../../model/errors.ts';
import { readSubvolumes, type Subvolume } from './subvolume-info.ts';

/** Inode number of every subvolume's root directory (BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;

/** True when the path is the root of a btrfs subvolume; the caller knows that it lies on btrfs. */
export async function isSubvolume(path: string): Promise<boolean> {
  const stat = await statIfThere(path);
  return stat !== null && stat.isDirectory() && stat.ino === SUBVOLUME_INODE;
}

/** What a subvolume is. Throws TOOL_FAILED when it is none. */
export async function showSubvolume(path: string): Promise<Subvolume> {
  const [shown] = await showSubvolumes([path]);
  if (shown === undefined) throw new CowherdError('TOOL_FAILED', `${path} was not shown`);
  return shown;
}

/** The same of some, in their order. */
export async function showSubvolumes(paths: readonly string[]): Promise<readonly Subvolume[]> {
  if (paths.length === 0) return [];
  try {
    return await readSubvolumes(paths);
  } catch (error) {
    if (toCowherdError(error).code !== 'TOOL_MISSING') throw error;
    return Promise.all(paths.map(showByCommand));
  }
}

/**
 * `btrfs subvolume show`, as far as identity goes. At its end it lists the snapshots, and exits 1 where some path of the
 * filesystem is too long for that: whatever is of interest here has been printed by then. Throws TOOL_FAILED.
 */
export async function showByCommand(path: string): Promise<Subvolume> {
  const args = ['subvolume', 'show', '--', path];
  const { exitCode, stdout, stderr } = await run('btrfs', args, { okExits: [1] });
  if (exitCode === 0 || isShown(stdout)) return parseShow(stdout);
  throw failureOf({ file: 'btrfs', args, code: undefined, timedOut: false, exitCode, stderr });
}

/** All of interest has been printed. */
function isShown(text: string): boolean {
  return /^\tFlags:/m.test(text);
}

/** Parses `btrfs subvolume show` (btrfs-subvolume(8)); `-` means there is none. */
export function parseShow(text: string): Subvolume {
  // The first line is the path and may hold anything: it is never looked at.
  const fields = new Map<string, string>();
  for (const line of text.split('\n').slice(1)) {
    const match = /^\t([A-Z][A-Za-z ]*):\s*(.*)$/.exec(line);
    if (match?.[1] && !fields.has(match[1])) fields.set(match[1], match[2]?.trim() ?? '');
  }
  const uuid = uuidOf(fields.get('UUID'));
  if (uuid === null) throw new CowherdError('TOOL_FAILED', 'btrfs subvolume show named no UUID');
  return {
    uuid,
    parentUuid: uuidOf(fields.get('Parent UUID')),
    receivedUuid: uuidOf(fields.get('Received UUID')),
    readonly: fields.get('Flags') === 'readonly',
  };
}

/** Creates an empty subvolume. */
export async function createSubvolume(path: string): Promise<void> {
  await run('btrfs', ['subvolume', 'create', '--', path]);
}

/** An atomic copy-on-write snapshot; holds all written data and dirty mmap pages, nested subvolumes as empty directories. */
export async function snapshotSubvolume(
  source: string,
  target: string | Buffer,
  { readonly }: { readonly readonly: boolean },
): Promise<void> {
  const flags = readonly ? ['-r'] : [];
  await runOnPaths('btrfs', ['subvolume', 'snapshot', ...flags, '--'], [source, target]);
}

/** Makes a subvolume read-only, for ever: the other way would corrupt later increments (btrfs-send(8)). */
export async function makeReadonly(path: string): Promise<void> {
  await run('btrfs', ['property', 'set', '-t', 'subvol', '--', path, 'ro', 'true']);
}

/** Null when nothing is there. */
export async function statIfThere(
  path: string | Buffer,
): Promise<Awaited<ReturnType<typeof lstat>> | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** A UUID as btrfs-progs print it, or null for anything else. */
export function uuidOf(text: string | undefined): string | null {
  return text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
    ? text
    : null;
}
