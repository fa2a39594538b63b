import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { isOwnerAlive, ownerTag } from '../../exec/liveness.ts';
import { CowherdError, systemCode } from '../../model/errors.ts';
import { mapLimited } from '../../model/limited.ts';
import type { Manifest } from '../../model/manifest.ts';
import { parseSnapshotId } from '../../model/snapshot-id.ts';
import type { CaptureSet } from '../driver.ts';
import { readIfThere, syncDirectory, writeDurably } from '../../exec/durable.ts';
import { readMany } from '../../exec/read-many.ts';
import { parseManifest } from '../manifest-schema.ts';
import {
  filedIn,
  MANIFEST,
  MAX_MANIFEST_BYTES,
  PIN,
  UNPINNED,
  type FiledSnapshot,
} from './filed.ts';
import { namesIn, type Layout } from './layout.ts';

const READ_AT_ONCE = 8;
/** From so many on they are read by a process of its own: starting that takes as long as reading a hundred here. */
const MANY = 150;
/**
 * `.partial-<pid>-<start time>-<key>` and `.trash-…-<id>~`: unlisted, and removed when that process is gone. None of them can be
 * an id: an agent may be called `.trash-1-2-x`.
 */
const UNLISTED = /^\.(?:partial|trash)-(\d+-\d+)-.+$/;

/** Every published restore point of a store, or those with wanted ids, in no order. One with a damaged manifest is left out. */
export async function listRestorePoints(
  layout: Layout,
  isWanted: (id: string) => boolean = () => true,
): Promise<readonly FiledSnapshot[]> {
  const ids = (await idsIn(layout)).filter(isWanted);
  const known =
    ids.length < MANY ? new Map<string, FiledSnapshot>() : await readAtOnce(layout, ids);
  const others = ids.filter((id) => !known.has(id));
  const read = await eachOf(others, async (id) => readRestorePoint(layout, id));
  return [...known.values(), ...read.filter((snapshot) => snapshot !== null)];
}

async function idsIn({ snapshots }: Layout): Promise<readonly string[]> {
  return (await namesIn(snapshots)).filter((name) => parseSnapshotId(name) !== null);
}

/** A few at a time, so that no more of them are in memory as text. Throws what the first that failed threw. */
async function eachOf<T>(
  ids: readonly string[],
  work: (id: string) => Promise<T>,
): Promise<readonly T[]> {
  const settled = await mapLimited(ids, READ_AT_ONCE, async (id) => {
    const [result] = await Promise.allSettled([work(id)]);
    return result;
  });
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** Larger than any manifest that is written: it is not read. */
async function isOversized(directory: string): Promise<boolean> {
  try {
    return (await lstat(`${directory}/${MANIFEST}`)).size > MAX_MANIFEST_BYTES;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** One of them, or null where there is none that can be read. */
export async function readRestorePoint(layout: Layout, id: string): Promise<FiledSnapshot | null> {
  const directory = `${layout.snapshots}/${id}`;
  const names = await namesIn(directory);
  if (!names.includes(MANIFEST)) return null;
  const manifest = await readManifestIn(directory);
  return filedIn(id, { directory, manifest, beside: new Set(names) });
}

/** Those whose manifests can be read; why one cannot be is for who reads it alone. */
async function readAtOnce(
  { snapshots }: Layout,
  names: readonly string[],
): Promise<ReadonlyMap<string, FiledSnapshot>> {
  const wanted = { directory: snapshots, names, file: MANIFEST, marks: [PIN, UNPINNED] };
  const known = new Map<string, FiledSnapshot>();
  for await (const read of readMany({ ...wanted, maxBytes: MAX_MANIFEST_BYTES }))
    for (const { name, text, marks } of read) {
      const manifest = parseManifest(text);
      const filed = filedIn(name, { directory: `${snapshots}/${name}`, manifest, beside: marks });
      if (filed !== null) known.set(name, filed);
    }
  return known;
}

/** The manifest in a directory, or null where there is none that can be read. */
export async function readManifestIn(directory: string): Promise<Manifest | null> {
  if (await isOversized(directory)) return null;
  const text = await readIfThere(`${directory}/${MANIFEST}`);
  return text === null ? null : parseManifest(text);
}

/** Ids whose manifest is missing, too large or cannot be read: their images are there, and nothing removes them; `whole` ones are not read. */
export async function damagedRestorePoints(
  layout: Layout,
  whole: ReadonlySet<string> = new Set(),
): Promise<readonly string[]> {
  const ids = (await idsIn(layout)).filter((id) => !whole.has(id));
  const damaged = await eachOf(ids, async (id) => (await readRestorePoint(layout, id)) === null);
  return ids.filter((_, index) => damaged[index]);
}

/** Where a restore point is built: not listed, and known as this process's own. */
export function partialDirectory(layout: Layout, key: string): string {
  return `${layout.snapshots}/.partial-${ownerTag()}-${key}`;
}

export interface Publication {
  readonly key: string;
  readonly manifest: Manifest;
  readonly pinned: boolean;
}

/** Writes what a restore point will be; it is not visible yet. Throws IO_ERROR for a manifest that nothing would read. */
export async function fileRestorePoint(
  layout: Layout,
  { key, manifest, pinned }: Publication,
): Promise<void> {
  const partial = partialDirectory(layout, key);
  const text = `${JSON.stringify(manifest, null, 1)}\n`;
  if (Buffer.byteLength(text) > MAX_MANIFEST_BYTES)
    throw new CowherdError('IO_ERROR', `the manifest of ${manifest.id} is larger than 8 MiB`, {
      hint: 'look at the labels of its volumes and at its containers',
    });
  if (pinned) await writeDurably(`${partial}/${PIN}`, '');
  await writeDurably(`${partial}/${MANIFEST}`, text);
}

/** Makes it visible; gives its directory. Throws IO_ERROR when its id is taken. */
export async function publishRestorePoint(
  layout: Layout,
  { key, manifest }: Publication,
): Promise<string> {
  const partial = partialDirectory(layout, key);
  const published = `${layout.snapshots}/${manifest.id}`;
  await rename(partial, published).catch((error: unknown) => {
    throw isTaken(error) ? taken(manifest.id, error) : error;
  });
  await syncDirectory(layout.snapshots);
  return published;
}

function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '');
}

function taken(id: string, cause: unknown): CowherdError {
  return new CowherdError('IO_ERROR', `there is a restore point ${id} already`, {
    hint: 'it was left as it is; run it again',
    cause,
  });
}

/** Makes the directories in which restore points are built, all of them or none. */
export async function makePartials(
  layout: Layout,
  sets: readonly CaptureSet[],
  fill: (set: CaptureSet, directory: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const made: string[] = [];
  try {
    for (const set of sets) {
      const directory = partialDirectory(layout, set.key);
      await mkdir(directory, { mode: 0o700 });
      made.push(directory);
      await fill(set, directory);
    }
  } catch (error) {
    for (const directory of made) await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Pins or unpins, durably; where the filesystem is full an unpin leaves no word of itself. */
export async function setPinned(layout: Layout, id: string, pinned: boolean): Promise<void> {
  const directory = `${layout.snapshots}/${id}`;
  if (pinned) {
    await writeDurably(`${directory}/${PIN}`, '');
    await rm(`${directory}/${UNPINNED}`, { force: true });
  } else {
    await writeDurably(`${directory}/${UNPINNED}`, '').catch((error: unknown) => {
      if (!isFull(error)) throw error;
    });
    await rm(`${directory}/${PIN}`, { force: true });
    await syncDirectory(directory);
  }
}

/**
 * Destroys a restore point: unlisted first, then what `remove` finds in its directory, with the directory. Gone already is success.
 * Where the filesystem is too full for a rename it goes in place, told as damaged if this is cut short: that frees space.
 */
export async function destroyRestorePoint(
  layout: Layout,
  id: string,
  remove: (directory: string) => Promise<void>,
): Promise<void> {
  const names = await namesIn(layout.snapshots);
  if (!names.includes(id)) return;
  const listed = `${layout.snapshots}/${id}`;
  const trash = `${layout.snapshots}/.trash-${ownerTag()}-${id}~`;
  try {
    await rename(listed, trash);
  } catch (error) {
    if (!isFull(error)) throw error;
    await remove(listed);
    return;
  }
  await syncDirectory(layout.snapshots);
  await remove(trash);
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');
}

/** Directories in which living processes build restore points, or remove them. */
export async function livingPartials(layout: Layout): Promise<readonly string[]> {
  return unlisted(layout, true);
}

/** Unlisted directories whose process is gone. */
export async function deadDirectories(layout: Layout): Promise<readonly string[]> {
  return unlisted(layout, false);
}

async function unlisted(layout: Layout, alive: boolean): Promise<readonly string[]> {
  const names = await namesIn(layout.snapshots);
  return names.flatMap((name) => {
    const owner = parseSnapshotId(name) === null ? UNLISTED.exec(name)?.[1] : undefined;
    const isWanted = owner !== undefined && isOwnerAlive(owner) === alive;
    return isWanted ? [`${layout.snapshots}/${name}`] : [];
  });
}
