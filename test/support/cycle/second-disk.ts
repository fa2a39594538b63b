import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { detach, unmount } from '../lab/mounts.ts';
import { must } from '../lab/run.ts';

/** A second btrfs beside the lab's. */
export interface Disk {
  readonly mnt: string;
  readonly fsUuid: string;
  /** Removes it; before the lab stops. */
  remove(): Promise<void>;
}

/** Makes a btrfs of 1 GiB on a loop device of its own, mounted in the lab's directory. */
export async function addDisk(lab: Lab): Promise<Disk> {
  const image = join(lab.root, 'second.img');
  const mnt = join(lab.root, 'second');
  writeFileSync(image, '');
  truncateSync(image, 1024 ** 3);
  const device = await must(['losetup', '--find', '--show', image]);
  await must(['mkfs.btrfs', '-q', '-K', '-m', 'single', device]);
  mkdirSync(mnt);
  await must(['mount', device, mnt]);
  const fsUuid = await must(['findmnt', '-no', 'UUID', '--mountpoint', mnt]);
  return {
    mnt,
    fsUuid,
    remove: async () => {
      for (const target of [`/run/cowherd/fs/${fsUuid}`, mnt]) await unmount(target);
      await detach({ device, file: image });
    },
  };
}
