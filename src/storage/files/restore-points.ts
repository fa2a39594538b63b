import { mkdir, rename, rm } from 'node:fs/promises';
import { isOwnerAlive, ownerTag } from '../../exec/liveness.ts';
import { CowherdError, systemCode } from '../../model/errors.ts';
import type { Manifest } from '../../model/manifest.ts';
import { parseSnapshotId } from '../../model/snapshot-id.ts';
import type { CaptureSet } from '../driver.ts';
import { readIfThere, syncDirectory, writeDurably } from '../durable.ts';
import { parseManifest } from '../manifest-schema.ts';
import { namesIn, type Layout } from './layout.ts';

const MANIFEST = 'manifest.json';
const PIN = 'pinned';
/**
 * `.partial-<pid>-<start time>-<key>` and `.trash-…-<id>~`: unlisted, and removed when that process is gone. None of them can be
 * an id: an agent may be called `.trash-1-2-x`.
 */
const UNLISTED = /^\.(?:partial|trash)-(\d+-\d+)-.+$/;

/** What the files of a store say of a restore point. */
export interface FiledSnapshot {
  readonly manifest: Manifest;
  readonly pinned: boolean;
  /** Host directory of its manifest and pin, and where images are files of its images too. */
  readonly directory: string;
}

/** Every published restore point of a store, in no order. One with a damaged manifest is left out. */
export async function listRestorePoints(layout: Layout): Promise<readonly FiledSnapshot[]> {
  const ids = (await namesIn(layout.snapshots)).filter((name) => parseSnapshotId(name) !== null);
  const stored = await Promise.all(ids.map(async (id) => readRestorePoint(layout, id)));
  return stored.filter((snapshot) => snapshot !== null);
}

/** One of them, or null where there is none that can be read. */
export async function readRestorePoint(layout: Layout, id: string): Promise<FiledSnapshot | null> {
  const directory = `${layout.snapshots}/${id}`;
  const manifest = await readManifestIn(directory);
  if (manifest?.id !== id) return null;
  return { manifest, directory, pinned: (await readIfThere(`${directory}/${PIN}`)) !== null };
}

/** The manifest in a directory, or null where there is none that can be read. */
export async function readManifestIn(directory: string): Promise<Manifest | null> {
  const text = await readIfThere(`${directory}/${MANIFEST}`);
  return text === null ? null : parseManifest(text);
}

/** Ids whose manifest is missing or cannot be read: their images are there, and nothing removes them. */
export async function damagedRestorePoints(layout: Layout): Promise<readonly string[]> {
  const ids = (await namesIn(layout.snapshots)).filter((name) => parseSnapshotId(name) !== null);
  const stored = await Promise.all(ids.map(async (id) => readRestorePoint(layout, id)));
  return ids.filter((_, index) => stored[index] === null);
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

/** Writes what a restore point will be; it is not visible yet. */
export async function fileRestorePoint(
  layout: Layout,
  { key, manifest, pinned }: Publication,
): Promise<void> {
  const partial = partialDirectory(layout, key);
  if (pinned) await writeDurably(`${partial}/${PIN}`, '');
  await writeDurably(`${partial}/${MANIFEST}`, `${JSON.stringify(manifest, null, 1)}\n`);
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

/** Pins or unpins, durably. */
export async function setPinned(layout: Layout, id: string, pinned: boolean): Promise<void> {
  const directory = `${layout.snapshots}/${id}`;
  if (pinned) {
    await writeDurably(`${directory}/${PIN}`, '');
  } else {
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

/** Unlisted directories whose process is gone. */
export async function deadDirectories(layout: Layout): Promise<readonly string[]> {
  const names = await namesIn(layout.snapshots);
  return names.flatMap((name) => {
    const owner = parseSnapshotId(name) === null ? UNLISTED.exec(name)?.[1] : undefined;
    return owner === undefined || isOwnerAlive(owner) ? [] : [`${layout.snapshots}/${name}`];
  });
}
