import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loops } from './mounts.ts';
import { makePool } from './pool.ts';
import type { LabFilesystem, LabLayout, LabPaths, LabRecord } from './record.ts';
import { must } from './run.ts';

type LoopFilesystem = Exclude<LabFilesystem, 'zfs'>;

export interface FilesystemOptions<F extends LabFilesystem = LoopFilesystem> {
  readonly filesystem: F;
  readonly layout: LabLayout;
  readonly fsUuid: string;
  readonly sizeBytes: number;
  /** Further arguments of mkfs, or of `zpool create`. */
  readonly mkfs?: readonly string[];
}

/** Makes a file system on a sparse file and mounts it as the layout wants it, noting what stop must know; its device, or its pool's name. */
export async function makeDisk(
  paths: LabPaths,
  options: FilesystemOptions<LabFilesystem>,
  note: (more: Partial<LabRecord>) => void,
): Promise<string> {
  const { filesystem, sizeBytes, mkfs = [] } = options;
  if (filesystem !== 'zfs') {
    const loop = await attachImage(paths, sizeBytes);
    note({ loop });
    await makeFilesystem(paths, loop, { ...options, filesystem });
    return loop;
  }
  const { device } = await makePool({
    ...{ image: paths.image, mnt: paths.mnt, sizeBytes, args: mkfs },
    note: (pool) => {
      note({ pool, fsUuid: pool.guid ?? '' });
    },
  });
  return device;
}

/** A sparse image on a loop device; returns the device. */
export async function attachImage(
  paths: Pick<LabPaths, 'image'>,
  sizeBytes: number,
): Promise<string> {
  writeFileSync(paths.image, '');
  truncateSync(paths.image, sizeBytes);
  const device = await must(['losetup', '--find', '--show', paths.image]);
  if (!loops().some((loop) => loop.device === device && loop.file === paths.image)) {
    throw new Error(`${device} does not show ${paths.image}`);
  }
  return device;
}

/** Makes the file system on the device and mounts it as the layout wants it. */
export async function makeFilesystem(
  paths: Pick<LabPaths, 'mnt'>,
  device: string,
  options: FilesystemOptions,
): Promise<void> {
  await must([...mkfs(options.filesystem, options.fsUuid), ...(options.mkfs ?? []), device]);
  mkdirSync(paths.mnt);
  await must(['mount', device, paths.mnt]);
  if (options.layout === 'top') return;
  await must(['btrfs', 'subvolume', 'create', join(paths.mnt, '@docker')]);
  await must(['umount', paths.mnt]);
  await must(['mount', '-o', 'subvol=@docker', device, paths.mnt]);
}

function mkfs(filesystem: LoopFilesystem, uuid: string): string[] {
  switch (filesystem) {
    case 'btrfs':
      return ['mkfs.btrfs', '-q', '-K', '-m', 'single', '-U', uuid];
    case 'ext4':
      return ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard', '-U', uuid];
    case 'xfs':
      return ['mkfs.xfs', '-q', '-K', '-m', `reflink=1,uuid=${uuid}`];
  }
}

/** `4G`, `512M` → bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+)([KMGT])$/.exec(text);
  if (!match) throw new Error(`not a size (as 4G, 512M): ${text}`);
  return Number(match[1]) * 1024 ** ('KMGT'.indexOf(match[2] ?? '') + 1);
}
