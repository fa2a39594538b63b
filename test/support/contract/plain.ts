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

/** The store of a filesystem for another process: runtime directory, filesystem UUID. */
export async function openStore([
  runtimeDir = '',
  fsId = '',
  filesystem = '',
]: readonly string[]): Promise<Store> {
  return driverOf(filesystem, runtimeDir).open(fsId);
}

function driverOf(filesystem: string, runtimeDir: string): Driver {
  const options = { runtimeDir, now: () => new Date() };
  return filesystem === 'xfs' ? reflinkDriver(options) : tarDriver(options);
}

/** XFS or ext4 on a loop device: a lab without Docker. */
export async function makePlain(filesystem: 'xfs' | 'ext4'): Promise<ContractFilesystem> {
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
  return describe({ name, paths, fsId, filesystem });
}

interface Made {
  readonly name: string;
  readonly paths: LabPaths;
  readonly fsId: string;
  readonly filesystem: 'xfs' | 'ext4';
}

function describe({ name, paths, fsId, filesystem }: Made): ContractFilesystem {
  const runtimeDir = join(paths.root, 'run');
  const driver = driverOf(filesystem, runtimeDir);
  const shares = driver.capabilities.sharedCopies;
  const dataOf = (volume: string) => join(paths.mnt, 'volumes', volume, '_data');
  const place = async (volume: string) => placed(volume, dataOf(volume));
  return {
    fsId,
    driver,
    scratch: paths.root,
    storeDirectory: join(runtimeDir, 'fs', fsId, '.cowherd'),
    can: {
      isolate: false,
      captureInside: true,
      nest: false,
      flags: shares,
      fifos: shares,
      nocow: false,
    },
    objects: async () => Promise.resolve(imagesIn(paths.mnt)),
    entry: { module: import.meta.filename, reach: [runtimeDir, fsId, filesystem] },
    open: async () => openStore([runtimeDir, fsId, filesystem]),
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
function imagesIn(mnt: string): number {
  const store = ['snapshots', 'transient', 'archives'].map((part) => join(mnt, '.cowherd', part));
  return store.flatMap(namesIn).length;
}

function namesIn(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
