import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { btrfsDriver } from '../../../src/storage/btrfs/store.ts';
import type { Placement, Store } from '../../../src/storage/driver.ts';
import { nest } from '../../../src/usecases/nesting.ts';
import { attachImage, makeFilesystem } from '../lab/filesystem.ts';
import { guardStart, stopLive } from '../lab/live.ts';
import { labPaths, writeRecord, type LabLayout, type LabPaths } from '../lab/record.ts';
import { must } from '../lab/run.ts';
import type { ContractFilesystem } from './filesystem.ts';
import { placed, replaceByForeign } from './places.ts';

const SIZE_BYTES = 1024 ** 3;

/** The store of a filesystem for another process: runtime directory, filesystem UUID. */
export async function openStore([runtimeDir = '', fsId = '']: readonly string[]): Promise<Store> {
  return btrfsDriver(runtimeDir).open(fsId);
}

/** A btrfs on a loop device: a lab without Docker. */
export async function makeBtrfs(layout: LabLayout): Promise<ContractFilesystem> {
  const name = `c${randomBytes(4).toString('hex')}`;
  const paths = labPaths(name);
  const fsId = randomUUID();
  mkdirSync(paths.root, { mode: 0o711 });
  await guardStart(name, false, async () => {
    const createdAt = new Date().toISOString();
    writeRecord(paths, { name, filesystem: 'btrfs', layout, fsUuid: fsId, createdAt });
    const device = await attachImage(paths, SIZE_BYTES);
    const options = { filesystem: 'btrfs', layout, fsUuid: fsId, sizeBytes: SIZE_BYTES } as const;
    await makeFilesystem(paths, device, options);
  });
  return describe({ name, paths, fsId });
}

interface Made {
  readonly name: string;
  readonly paths: LabPaths;
  readonly fsId: string;
}

function describe({ name, paths, fsId }: Made): ContractFilesystem {
  const runtimeDir = join(paths.root, 'run');
  const driver = btrfsDriver(runtimeDir);
  const dataOf = (volume: string) => join(paths.mnt, 'volumes', volume, '_data');
  const place = async (volume: string) =>
    nested(await driver.open(fsId), await placed(volume, dataOf(volume)));
  return {
    fsId,
    driver,
    scratch: paths.root,
    storeDirectory: join(runtimeDir, 'fs', fsId, '.cowherd'),
    can: { isolate: true, captureInside: true, nest: true, flags: true, fifos: true, nocow: true },
    objects: async () => linesOf(await must(['btrfs', 'subvolume', 'list', '-a', paths.mnt])),
    entry: { module: import.meta.filename, reach: [runtimeDir, fsId] },
    open: async () => openStore([runtimeDir, fsId]),
    volume: async (volume, isolated) => {
      mkdirSync(join(paths.mnt, 'volumes', volume), { recursive: true });
      if (isolated) await must(['btrfs', 'subvolume', 'create', dataOf(volume)]);
      else mkdirSync(dataOf(volume));
      return place(volume);
    },
    place,
    nest: async ({ mountpoint }, path) => {
      await must(['btrfs', 'subvolume', 'create', join(mountpoint, path)]);
    },
    replace: ({ mountpoint }) => Promise.resolve(replaceByForeign(mountpoint)),
    remove: async () => stopLive(name),
  };
}

async function nested(store: Store, placement: Placement): Promise<Placement> {
  return nest(placement, await store.datasets());
}

function linesOf(text: string): number {
  return text.split('\n').filter(Boolean).length;
}
