import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { guardStart, stopLive } from '../lab/live.ts';
import { mounts } from '../lab/mounts.ts';
import { makePool, type Pool } from '../lab/pool.ts';
import { labPaths, writeRecord, type LabPaths } from '../lab/record.ts';
import { must } from '../lab/run.ts';

const SIZE_BYTES = 2 * 1024 ** 3;

/** A pool on a sparse file, with a dataset that stands for Docker's data root: a lab without Docker. */
export interface TestPool {
  readonly pool: Pool;
  readonly paths: LabPaths;
  /** The dataset that is mounted where Docker would keep its data. */
  readonly dataRoot: string;
  /** The dataset below which volumes of their own lie. */
  readonly parent: string;
  readonly runtimeDir: string;
  /** Host path of a volume's data. */
  readonly dataOf: (volume: string) => string;
  /** Dataset of a volume that is isolated. */
  readonly datasetOf: (volume: string) => string;
  /** Removes all of it, by id. */
  readonly remove: () => Promise<void>;
}

/** Makes one; it is removed when the process is told to end, too. */
export async function makeTestPool(): Promise<TestPool> {
  const name = `z${randomBytes(4).toString('hex')}`;
  const paths = labPaths(name);
  mkdirSync(paths.root, { mode: 0o711 });
  const pool = await guardStart(name, false, async () => {
    const createdAt = new Date().toISOString();
    const lab = { name, filesystem: 'zfs', layout: 'subvol', createdAt } as const;
    writeRecord(paths, { ...lab, fsUuid: '' });
    return makePool({
      ...{ image: paths.image, sizeBytes: SIZE_BYTES, mnt: paths.mnt },
      note: (made) => {
        writeRecord(paths, { ...lab, fsUuid: made.guid ?? '', pool: made });
      },
    });
  });
  const dataRoot = `${pool.device}/docker`;
  const parent = `${dataRoot}/cowherd`;
  await must(['zfs', 'create', '-o', 'canmount=off', '-o', 'mountpoint=none', parent]);
  return {
    ...{ pool, paths, dataRoot, parent, runtimeDir: join(paths.root, 'run') },
    dataOf: (volume) => join(paths.mnt, 'volumes', volume, '_data'),
    datasetOf: (volume) => `${parent}/${volume}`,
    remove: async () => stopLive(name),
  };
}

/** Makes an empty volume as `adopt` leaves it: a dataset mounted over an immutable directory that only root can enter. */
export async function makeIsolated(
  test: TestPool,
  volume: string,
  options: readonly string[] = [],
): Promise<void> {
  const data = test.dataOf(volume);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  await must(['chattr', '+i', data]);
  const own = ['-o', `mountpoint=${data}`, '-o', `cowherd:volume=${volume}`, ...options];
  await must(['zfs', 'create', ...own, test.datasetOf(volume)]);
}

/** Every filesystem and snapshot of the pool but the two that hold the store and the volumes. */
export async function poolObjects({ pool, parent }: TestPool): Promise<readonly string[]> {
  const argv = ['zfs', 'list', '-H', '-o', 'name', '-t', 'all', '-r', pool.device];
  const names = (await must(argv)).split('\n');
  return names.filter((name) => name !== parent && name !== `${parent}/.cowherd`);
}

/** The dataset that is mounted at a path, if one is. */
export function datasetAt(path: string): string | undefined {
  return mounts().findLast(({ target, type }) => target === path && type === 'zfs')?.source;
}
