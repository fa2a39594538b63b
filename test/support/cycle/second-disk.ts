import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { detach, mountsOf, unmount } from '../lab/mounts.ts';
import { destroyPool, makePool } from '../lab/pool.ts';
import { must } from '../lab/run.ts';

/** A second filesystem of a lab's kind beside it. */
export interface Disk extends Pick<Lab, 'filesystem' | 'device' | 'mnt' | 'fsUuid'> {
  /** Removes it; before the lab stops. */
  remove(): Promise<void>;
}

const SIZE_BYTES = 1024 ** 3;

/** Makes one of 1 GiB, mounted in the lab's directory. */
export async function addDisk(lab: Lab): Promise<Disk> {
  const image = join(lab.root, 'second.img');
  const mnt = join(lab.root, 'second');
  return lab.filesystem === 'zfs' ? addPool(image, mnt) : addBtrfs(image, mnt);
}

async function addPool(image: string, mnt: string): Promise<Disk> {
  const pool = await makePool({ image, mnt, sizeBytes: SIZE_BYTES });
  const { device, guid: fsUuid } = pool;
  const remove = async () => {
    for (const { target } of mountsOf(mnt, [pool])) await unmount(target);
    await destroyPool(pool);
  };
  return { filesystem: 'zfs', device, mnt, fsUuid, remove };
}

async function addBtrfs(image: string, mnt: string): Promise<Disk> {
  writeFileSync(image, '');
  truncateSync(image, SIZE_BYTES);
  const device = await must(['losetup', '--find', '--show', image]);
  await must(['mkfs.btrfs', '-q', '-K', '-m', 'single', device]);
  mkdirSync(mnt);
  await must(['mount', device, mnt]);
  const fsUuid = await must(['findmnt', '-no', 'UUID', '--mountpoint', mnt]);
  const remove = async () => {
    for (const target of [`/run/cowherd/fs/${fsUuid}`, mnt]) await unmount(target);
    await detach({ device, file: image });
  };
  return { filesystem: 'btrfs', device, mnt, fsUuid, remove };
}
