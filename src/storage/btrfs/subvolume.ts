import { lstat } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import { CowherdError, systemCode } from '../../model/errors.ts';

/** Inode number of every subvolume's root directory (BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;

/** A subvolume as the listing of the filesystem has it; `path` from its root. */
export interface ListedSubvolume {
  readonly path: string;
  readonly guid: string;
  /** What it is a snapshot of, or null. */
  readonly parentGuid: string | null;
}

export interface Subvolume {
  readonly uuid: string;
  readonly parentUuid: string | null;
  readonly receivedUuid: string | null;
  readonly readonly: boolean;
}

/** True when the path is the root of a btrfs subvolume; the caller knows that it lies on btrfs. */
export async function isSubvolume(path: string): Promise<boolean> {
  const stat = await statIfThere(path);
  return stat !== null && stat.isDirectory() && stat.ino === SUBVOLUME_INODE;
}

/** `btrfs subvolume show`, as far as identity goes. Throws TOOL_FAILED when it is none. */
export async function showSubvolume(path: string): Promise<Subvolume> {
  const { stdout } = await run('btrfs', ['subvolume', 'show', '--', path]);
  return parseShow(stdout);
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

export interface SnapshotOptions {
  readonly readonly: boolean;
  readonly signal?: AbortSignal;
}

/** An atomic copy-on-write snapshot; holds all written data and dirty mmap pages, nested subvolumes as empty directories. */
export async function snapshotSubvolume(
  source: string,
  target: string,
  options: SnapshotOptions,
): Promise<void> {
  const flags = options.readonly ? ['-r'] : [];
  await run('btrfs', ['subvolume', 'snapshot', ...flags, '--', source, target], {
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

/** Makes a subvolume read-only, for ever: the other way would corrupt later increments (btrfs-send(8)). */
export async function makeReadonly(path: string): Promise<void> {
  await run('btrfs', ['property', 'set', '-t', 'subvol', '--', path, 'ro', 'true']);
}

/** Deletes a subvolume and what is nested in it; gone already is success, also when a killed run's tool was quicker. */
export async function deleteSubvolume(path: string): Promise<void> {
  if ((await statIfThere(path)) === null) return;
  try {
    for (const nested of await nestedSubvolumes(path)) await deleteSubvolume(`${path}/${nested}`);
    await run('btrfs', ['subvolume', 'delete', '--', path]);
  } catch (error) {
    if ((await statIfThere(path)) !== null) throw error;
  }
}

/** Paths of the subvolumes directly inside one, relative to it. */
export async function nestedSubvolumes(path: string): Promise<readonly string[]> {
  const { stdout } = await run('btrfs', ['subvolume', 'list', '-o', '-u', '-q', '--', path]);
  if (stdout === '') return [];
  const own = await pathOfId(await idOf(path), path);
  if (own === null) throw new CowherdError('IO_ERROR', `btrfs does not know where ${path} lies`);
  const inside = `${own}/`;
  const listed = await asTheyAre(parseLines(stdout), path, (place) =>
    place.startsWith(inside) ? `${path}/${place.slice(inside.length)}` : null,
  );
  return listed.flatMap(({ path: place }) =>
    place.startsWith(inside) ? [place.slice(inside.length)] : [],
  );
}

/** All subvolumes of a filesystem; `top` is its mounted top level, in which no symlink is followed. */
export async function listSubvolumes(top: string): Promise<readonly ListedSubvolume[]> {
  const { stdout } = await run('btrfs', ['subvolume', 'list', '-u', '-q', '--', top], {
    maxOutputBytes: 256 * 1024 * 1024,
  });
  const listed = await asTheyAre(parseLines(stdout), top, (place) => `${top}${place}`);
  return listed.map(({ path, guid, parentGuid }) => ({ path, guid, parentGuid }));
}

interface Line extends ListedSubvolume {
  readonly id: string;
}

/**
 * A name may hold anything, also a line break and what looks like a further line (any user can make subvolumes): what is
 * not a subvolume where its line says, also because its path is too long to be looked at, is where btrfs finds its id, or
 * nowhere. Each place once. btrfs is asked for one at a time, since anybody may make thousands of such names.
 */
async function asTheyAre(
  lines: readonly Line[],
  mounted: string,
  hostPathOf: (place: string) => string | null,
): Promise<readonly Line[]> {
  const asListed = await Promise.all(
    lines.map(async ({ path }) => {
      const listed = hostPathOf(path);
      return listed !== null && (await isSubvolume(listed).catch(() => false));
    }),
  );
  const places = new Map<string, Line>();
  for (const [index, line] of lines.entries()) {
    const path = asListed[index] === true ? line.path : await pathOfId(line.id, mounted);
    if (path !== null && !places.has(path)) places.set(path, { ...line, path });
  }
  return [...places.values()];
}

const LISTED = /^ID (\d+) gen \d+ top level \d+ parent_uuid (\S+)\s+uuid (\S+)\s+path (.+)$/;

/** `btrfs subvolume list -u -q` (stdout as latin1), paths with a leading slash. A name with a line break ends at it. */
export function parseList(text: string): readonly ListedSubvolume[] {
  return parseLines(text).map(({ path, guid, parentGuid }) => ({ path, guid, parentGuid }));
}

function parseLines(text: string): readonly Line[] {
  return text.split('\n').flatMap((line) => {
    const [, id, parent, uuid, path] = LISTED.exec(line) ?? [];
    const guid = uuidOf(uuid);
    if (id === undefined || guid === null || path === undefined) return [];
    return [{ id, path: inTree(path), guid, parentGuid: uuidOf(parent) }];
  });
}

/** Where a subvolume lies, from the filesystem's top level; null when there is none (any more). */
async function pathOfId(id: string, mounted: string): Promise<string | null> {
  const argv = ['inspect-internal', 'subvolid-resolve', id, mounted];
  const { exitCode, stdout } = await run('btrfs', argv, { okExits: [1] });
  return exitCode === 0 ? inTree(stdout.replace(/\n$/, '')) : null;
}

function inTree(latin1: string): string {
  return `/${Buffer.from(latin1, 'latin1').toString('utf8')}`;
}

async function idOf(path: string): Promise<string> {
  const { stdout } = await run('btrfs', ['inspect-internal', 'rootid', '--', path]);
  return stdout.trim();
}

async function statIfThere(path: string): Promise<Awaited<ReturnType<typeof lstat>> | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function uuidOf(text: string | undefined): string | null {
  return text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
    ? text
    : null;
}
