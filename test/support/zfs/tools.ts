import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Placement, Store } from '../../../src/storage/driver.ts';
import { mountsOf, unmount } from '../lab/mounts.ts';
import { must } from '../lab/run.ts';
import type { TestPool } from './pool.ts';

/** Runs `zfs`; gives its stdout. */
export async function zfs(...args: readonly string[]): Promise<string> {
  return must(['zfs', ...args]);
}

/** Guids of all snapshots of the pool by name. */
export async function snapshotsIn({ pool }: TestPool): Promise<ReadonlyMap<string, string>> {
  const argv = ['list', '-Hp', '-t', 'snapshot', '-o', 'name,guid', '-r', pool.device];
  const lines = (await zfs(...argv)).split('\n').filter(Boolean);
  return new Map(lines.map((line) => line.split('\t') as [string, string]));
}

/** Guids of all filesystems of the pool by name. */
export async function filesystemsIn({ pool }: TestPool): Promise<ReadonlyMap<string, string>> {
  const lines = (await zfs('list', '-Hp', '-o', 'name,guid', '-r', pool.device)).split('\n');
  return new Map(lines.map((line) => line.split('\t') as [string, string]));
}

/** Tags that hold a snapshot. */
export async function holdsOf(snapshot: string): Promise<readonly string[]> {
  const lines = (await zfs('holds', '-H', snapshot)).split('\n').filter(Boolean);
  return lines.map((line) => line.split('\t')[1] ?? '').sort();
}

/** Unmounts what a driver has mounted for itself and removes its runtime directory, as a boot does. */
export async function forgetRuntime({ runtimeDir }: TestPool): Promise<void> {
  for (const { target } of mountsOf(runtimeDir, [])) await unmount(target);
  if (existsSync(runtimeDir)) rmSync(runtimeDir, { recursive: true });
}

/** Takes the pool away and brings it back, as a boot does: everything that is to be mounted is. */
export async function reimport(test: TestPool): Promise<void> {
  await forgetRuntime(test);
  await exportPool(test);
  await importPool(test);
}

/** Takes the pool away. */
export async function exportPool({ pool }: TestPool): Promise<void> {
  await must(['zpool', 'export', pool.device]);
}

/** Brings it back. */
export async function importPool({ pool: { device, file } }: TestPool): Promise<void> {
  await must(['zpool', 'import', '-d', file, '-o', 'cachefile=none', device]);
}

/** Writes the word of a volume. */
export function say({ mountpoint }: Placement, word: string): void {
  writeFileSync(join(mountpoint, 'word'), word);
}

/** The word of a volume, or of an image of it. */
export function wordIn(root: string): string {
  return readFileSync(join(root, 'word'), 'utf8');
}

/** Where the image of a volume is in each restore point that is listed, by id. */
export async function imagesOf(
  store: Store,
  { volume }: Placement,
): Promise<Readonly<Record<string, string>>> {
  const points = (await store.list()).flatMap(({ manifest, locations }) =>
    manifest.volumes
      .filter(({ name }) => name === volume)
      .map(({ image }) => [manifest.id, locations[image] ?? ''] as const),
  );
  return Object.fromEntries(points);
}

/** What those images say, by id. */
export async function wordsOf(
  store: Store,
  volume: Placement,
): Promise<Readonly<Record<string, string>>> {
  const images = Object.entries(await imagesOf(store, volume));
  const locations = images.map(([, location]) => location);
  return store.readImages(locations, (roots) => {
    const words = images.map(([id], index) => [id, wordIn(roots[index] ?? '')] as const);
    return Promise.resolve(Object.fromEntries(words));
  });
}
