import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { reflinkDriver } from '../../../src/storage/plain/store.ts';
import type { Driver, Store } from '../../../src/storage/driver.ts';
import { tarDriver } from '../../../src/storage/tar/store.ts';
import { attachImage, makeFilesystem } from '../lab/filesystem.ts';
import { guardStart, stopLive } from '../lab/live.ts';
import { labPaths, writeRecord, type LabPaths } from '../lab/record.ts';
import type { ContractFilesystem } from './filesystem.ts';
import { placed, replaceByForeign } from './places.ts';

const SIZE_BYTES = 1024 ** 3;

/** The store of a filesystem for another process: runtime directory, filesystem UUID, filesystem, and where archives are if not in the store. */
export async function openStore([
  runtimeDir = '',
  fsId = '',
  filesystem = '',
  archives = '',
]: readonly string[]): Promise<Store> {
  return driverOf({ filesystem, runtimeDir, archives }).open(fsId);
}

interface Of {
  readonly filesystem: string;
  readonly runtimeDir: string;
  /** Empty: in the store. */
  readonly archives: string;
}

function driverOf({ filesystem, runtimeDir, archives }: Of): Driver {
  const options = { runtimeDir, now: () => new Date() };
  return filesystem === 'xfs'
    ? reflinkDriver(options)
    : tarDriver({ ...options, archives: archives || null });
}

/** XFS or ext4 on a loop device: a lab without Docker; `apart`: with the archives on another filesystem. */
export async function makePlain(
  filesystem: 'xfs' | 'ext4',
  { apart = false } = {},
): Promise<ContractFilesystem> {
  const name = `c${randomBytes(4).toString('hex')}`;
  const paths = labPaths(name);
  const fsId = randomUUID();
  mkdirSync(paths.root, { mode: 0o711 });
  await guardStart(name, false, async () => {
    const createdAt = new Date().toISOString();
    writeRecord(paths, { name, filesystem, layout: 'top', fsUuid: fsId, createdAt });
    const device = await attachImage(paths, SIZE_BYTES);
    const disk = { filesystem, layout: 'top', fsUuid: fsId } as const;
    await makeFilesystem(paths, device, { ...disk, sizeBytes: SIZE_BYTES });
  });
  const archives = apart ? join(paths.root, 'archives') : '';
  return describe({ name, paths, fsId, filesystem, archives });
}

interface Made {
  readonly name: string;
  readonly paths: LabPaths;
  readonly fsId: string;
  readonly filesystem: 'xfs' | 'ext4';
  readonly archives: string;
}

function describe({ name, paths, fsId, filesystem, archives }: Made): ContractFilesystem {
  const runtimeDir = join(paths.root, 'run');
  const driver = driverOf({ filesystem, runtimeDir, archives });
  const shares = driver.capabilities.sharedCopies;
  const dataOf = (volume: string) => join(paths.mnt, 'volumes', volume, '_data');
  const place = async (volume: string) => placed(volume, dataOf(volume));
  return {
    fsId,
    driver,
    scratch: paths.root,
    storeDirectory:
      archives === '' ? join(runtimeDir, 'fs', fsId, '.cowherd') : join(archives, fsId),
    can: {
      isolate: false,
      captureInside: true,
      nest: false,
      flags: shares,
      fifos: shares,
      nocow: false,
    },
    objects: async () =>
      Promise.resolve(imagesIn([join(paths.mnt, '.cowherd'), join(archives, fsId)])),
    entry: { module: import.meta.filename, reach: [runtimeDir, fsId, filesystem, archives] },
    open: async () => openStore([runtimeDir, fsId, filesystem, archives]),
    volume: async (volume) => {
      mkdirSync(dataOf(volume), { recursive: true });
      return place(volume);
    },
    place,
    nest: async () => Promise.reject(new Error('there are no datasets')),
    replace: ({ mountpoint }) => Promise.resolve(replaceByForeign(mountpoint)),
    remove: async () => stopLive(name),
  };
}

/** Restore points, archives and transient images. */
function imagesIn(stores: readonly string[]): number {
  const parts = ['snapshots', 'transient', 'archives'];
  return stores.flatMap((store) => parts.flatMap((part) => namesIn(join(store, part)))).length;
}

function namesIn(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
