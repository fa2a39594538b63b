import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Placement, Store } from '../../../src/storage/driver.ts';
import { zfsDriver } from '../../../src/storage/zfs/store.ts';
import { must } from '../lab/run.ts';
import { datasetAt, makeIsolated, makeTestPool, poolObjects, type TestPool } from '../zfs/pool.ts';
import type { ContractFilesystem } from './filesystem.ts';
import { placed } from './places.ts';

/** The store of a pool for another process: runtime directory, pool's guid, parent of the volumes. */
export async function openStore([
  runtimeDir = '',
  fsId = '',
  parent = '',
]: readonly string[]): Promise<Store> {
  return driverOf(runtimeDir, parent).open(fsId);
}

function driverOf(runtimeDir: string, parent: string) {
  return zfsDriver({
    runtimeDir,
    parentIn: () => Promise.resolve(parent),
    now: () => new Date(),
    random: () => randomBytes(4).toString('hex'),
  });
}

/** A pool on a file with the datasets that a host would have. */
export async function makeZfs(): Promise<ContractFilesystem> {
  return describeZfs(await makeTestPool());
}

/** The same of a pool that is there. */
export function describeZfs(test: TestPool): ContractFilesystem {
  const { pool, paths, parent, runtimeDir, dataOf } = test;
  const reach = [runtimeDir, pool.guid, parent];
  const place = async (volume: string) => placed(volume, dataOf(volume));
  return {
    fsId: pool.guid,
    driver: driverOf(runtimeDir, parent),
    scratch: paths.root,
    storeDirectory: join(runtimeDir, 'fs', pool.guid),
    can: {
      isolate: true,
      captureInside: false,
      nest: false,
      flags: true,
      fifos: true,
      nocow: false,
    },
    entry: { module: import.meta.filename, reach },
    objects: async () => (await poolObjects(test)).length,
    open: async () => openStore(reach),
    volume: async (volume, isolated) => {
      if (isolated) await makeIsolated(test, volume);
      else mkdirSync(dataOf(volume), { recursive: true });
      return place(volume);
    },
    place,
    nest: () => Promise.reject(new Error('no datasets inside a volume yet')),
    replace: async (volume) => replace(test, volume),
    remove: test.remove,
  };
}

async function replace(test: TestPool, { mountpoint }: Placement): Promise<string> {
  const id = randomBytes(4).toString('hex');
  const elsewhere = `${mountpoint}-${id}`;
  const dataset = datasetAt(mountpoint);
  if (dataset === undefined) {
    renameSync(mountpoint, elsewhere);
    mkdirSync(mountpoint);
  } else {
    await must(['zfs', 'set', `mountpoint=${elsewhere}`, dataset]);
    const foreign = `${test.dataRoot}/foreign-${id}`;
    await must(['zfs', 'create', '-o', `mountpoint=${mountpoint}`, foreign]);
  }
  writeFileSync(join(mountpoint, 'foreign'), 'foreign\n');
  return elsewhere;
}
