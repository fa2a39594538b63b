import { lstat, rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { lockFile } from '../../exec/flock.ts';
import { CowherdError } from '../../model/errors.ts';
import { archivePaths } from '../archive/layout.ts';
import { layoutOf, namesIn, type Layout } from '../files/layout.ts';
import { readIfThere, writeDurably } from '../../exec/durable.ts';
import { transientPath } from '../files/leftovers.ts';
import type { FiledSnapshot } from '../files/filed.ts';
import * as points from '../files/restore-points.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { unneeded } from './archives.ts';
import { lastArchive } from './last-archive.ts';
import { placesOf } from './places.ts';
import { stagingIn, stagingLock, type StagingHome } from './staging.ts';

/** In the directory of a restore point that is being made. */
const NOTE = 'archives';
const LOCK_WAIT_MS = 10 * 60_000;

/**
 * Says in the directory of a restore point to be which archives are made for it, and which they may be put on top of: from then on nobody
 * removes those that are still there. Throws LOCKED.
 */
export async function noteMaking(
  home: StagingHome,
  directory: string,
  names: readonly string[],
): Promise<void> {
  const lock = await lockFile(archivesLock(home), LOCK_WAIT_MS);
  if (lock === null)
    throw new CowherdError('LOCKED', 'another run has been removing archives for 10 min');
  try {
    await writeDurably(`${directory}/${NOTE}`, names.join('\n'));
  } finally {
    lock.release();
  }
}

/** Held from the look at what is needed to the end of the removal of the rest. */
function archivesLock({ fsId, runtimeDir }: StagingHome): string {
  return `${runtimeDir}/archives-${fsId}.lock`;
}

/** Removes what nobody needs; gives the host paths. While another run is at it, nothing. */
export async function removeUnneeded(home: StagingHome): Promise<readonly string[]> {
  const lock = await lockFile(archivesLock(home), 0);
  if (lock === null) return [];
  try {
    const paths = await unneededNow(home);
    for (const path of paths) await removeOne(home, path);
    return paths;
  } finally {
    lock.release();
  }
}

/**
 * Copies of volumes whose archives are all gone, as those of agents that nobody keeps anything of; one that is in use stays, and all while some
 * archives cannot be seen.
 */
async function staleCopies(
  { layout, runtimeDir }: StagingHome,
  unwanted: ReadonlySet<string>,
): Promise<readonly string[]> {
  const archives = await archivesAnywhere(layout);
  if (archives === null) return [];
  const stale: string[] = [];
  for (const name of await namesIn(stagingIn(layout))) {
    const place = `${stagingIn(layout)}/${name}`;
    const last = await lastArchive(place);
    if (last === null || (archives.has(last) && !unwanted.has(last))) continue;
    const lock = await lockFile(stagingLock(runtimeDir, name), 0);
    if (lock !== null) stale.push(place);
    lock?.release();
  }
  return stale;
}

/** Names of the filesystem's archives in every place; null while one of them is not there. */
async function archivesAnywhere(layout: Layout): Promise<ReadonlySet<string> | null> {
  const { there, missing } = await placesOf(layout, null);
  if (missing.length > 0) return null;
  const directories = [layoutOf(layout.top, layout.store), layout, ...there];
  const names = await Promise.all(directories.map(async ({ archives }) => namesIn(archives)));
  return new Set(names.flat());
}

/**
 * Host paths of archives that no restore point needs, listed or being made. While a manifest cannot be read nobody knows which it needs.
 * What is there is looked at first, then what is being made, then what is listed: what becomes one from the other is seen as one of them.
 */
export async function unneededNow(home: StagingHome): Promise<readonly string[]> {
  const { layout } = home;
  const names = await namesIn(layout.archives);
  const needs = names.length === 0 ? null : await needsOf(layout);
  const unwanted = new Set(needs === null ? [] : await unwantedAmong(layout, names, needs));
  const copies = await staleCopies(home, unwanted);
  return [...copies, ...Array.from(unwanted, (name) => `${layout.archives}/${name}`)];
}

interface Needs {
  readonly listed: readonly FiledSnapshot[];
  /** Archives of restore points that are being made. */
  readonly making: readonly string[];
}

/** Null while a manifest cannot be read. */
async function needsOf(layout: Layout): Promise<Needs | null> {
  const making: string[] = [];
  for (const directory of await points.livingPartials(layout))
    making.push(...((await readIfThere(`${directory}/${NOTE}`)) ?? '').split('\n').filter(Boolean));
  const listed = await points.listRestorePoints(layout);
  const whole = new Set(listed.map(({ manifest }) => manifest.id));
  const damaged = await points.damagedRestorePoints(layout, whole);
  return damaged.length > 0 ? null : { listed, making };
}

async function unwantedAmong(
  layout: Layout,
  names: readonly string[],
  { listed, making }: Needs,
): Promise<readonly string[]> {
  const captured = listed.flatMap(({ manifest }) => manifest.volumes.map(({ image }) => image));
  return unneeded(layout, { names, needed: [...captured, ...making] });
}

/** The sizes of the archives that nobody would need without these restore points; null while a manifest cannot be read: then none is removed. */
export async function bytesWithout(
  { layout }: StagingHome,
  ids: ReadonlySet<string>,
): Promise<number | null> {
  const names = await namesIn(layout.archives);
  const needs = await needsOf(layout);
  if (needs === null) return null;
  const left = needs.listed.filter(({ manifest }) => !ids.has(manifest.id));
  const before = new Set(await unwantedAmong(layout, names, needs));
  const after = await unwantedAmong(layout, names, { ...needs, listed: left });
  const files = after
    .filter((name) => !before.has(name))
    .map((name) => archivePaths(`${layout.archives}/${name}`))
    .flatMap(({ data, index }) => [data, index]);
  const bytes = await Promise.all(files.map(async (path) => (await lstat(path)).size));
  return bytes.reduce((sum, size) => sum + size, 0);
}

/** A copy that somebody has begun to use meanwhile stays. */
async function removeOne({ layout, runtimeDir }: StagingHome, path: string): Promise<void> {
  if (dirname(path) !== stagingIn(layout)) return removeTree(path);
  const lock = await lockFile(stagingLock(runtimeDir, basename(path)), 0);
  if (lock === null) return;
  const aside = transientPath(layout);
  try {
    await rename(path, aside);
  } finally {
    lock.release();
  }
  await removeTree(aside);
}
