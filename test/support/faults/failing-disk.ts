import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { detach, unmount } from '../lab/mounts.ts';
import { must } from '../lab/run.ts';

/** A btrfs beside a lab on a sparse image in a small tmpfs: once that is full every write to a block that held nothing fails. */
export interface FailingDisk extends Pick<Lab, 'filesystem' | 'device' | 'mnt' | 'fsUuid'> {
  /** Gets ready to fail at once: fills what is left but for a little. */
  prepare(): void;
  /** From now on no block can be written but in its place, as btrfs never does (but for its superblock): the next commit fails. */
  fail(): void;
  /** The disk is well again, and mounted anew; nobody may have it mounted. */
  heal(): Promise<void>;
  /** Removes it; before the lab stops. */
  remove(): Promise<void>;
}

const TMPFS_SIZE = '192M';
const SIZE_BYTES = 1024 ** 3;
const CHUNK = Buffer.alloc(1 << 16, 'x');
/** What a run under way may still write before the disk is to fail. */
const LEFT_BYTES = 8 << 20;

export async function addFailingDisk(lab: Lab): Promise<FailingDisk> {
  const tmpfs = join(lab.root, 'tmpfs');
  const mnt = join(lab.root, 'failing');
  const [image, fill] = [join(tmpfs, 'image'), join(tmpfs, 'fill')];
  for (const directory of [tmpfs, mnt]) mkdirSync(directory);
  await must(['mount', '-t', 'tmpfs', '-o', `size=${TMPFS_SIZE}`, 'tmpfs', tmpfs]);
  writeFileSync(image, '');
  truncateSync(image, SIZE_BYTES);
  const device = await must(['losetup', '--find', '--show', image]);
  await must(['mkfs.btrfs', '-q', '-K', '-m', 'single', device]);
  await must(['mount', device, mnt]);
  const fsUuid = await must(['findmnt', '-no', 'UUID', '--mountpoint', mnt]);
  const unmountAll = async () => {
    for (const target of [`/run/cowherd/fs/${fsUuid}`, mnt]) await unmount(target);
  };
  return {
    ...{ filesystem: 'btrfs', device, mnt, fsUuid },
    prepare: () => {
      discardFree(mnt);
      fillUp(fill, LEFT_BYTES);
    },
    fail: () => {
      discardFree(mnt);
      fillUp(fill, 0);
    },
    heal: async () => {
      await unmountAll();
      rmSync(fill, { force: true });
      await must(['mount', device, mnt]);
    },
    remove: async () => {
      await unmountAll();
      await detach({ device, file: image });
      await unmount(tmpfs);
    },
  };
}

/** Blocks that are free again hold nothing then. */
function discardFree(mnt: string): void {
  execFileSync('fstrim', [mnt]);
}

/** Until so many bytes are left, or to the last. */
function fillUp(path: string, leftBytes: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  const file = openSync(path, 'a');
  try {
    for (let left = bavail * bsize; left > leftBytes || leftBytes === 0; left -= CHUNK.length)
      writeSync(file, CHUNK);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(file);
  }
}
