import { lstatSync } from 'node:fs';
import type { Lab } from './lab.ts';
import { mounts } from './mounts.ts';

/** The inode of every btrfs subvolume's top. */
const SUBVOLUME_INODE = 256;

/** True when the data at a path is a dataset of its own: a btrfs subvolume, or a ZFS dataset that is mounted there. */
export function isIsolated(lab: Pick<Lab, 'filesystem'>, path: string): boolean {
  if (lab.filesystem !== 'zfs') return lstatSync(path).ino === SUBVOLUME_INODE;
  return mounts().some(({ target, type }) => target === path && type === 'zfs');
}
