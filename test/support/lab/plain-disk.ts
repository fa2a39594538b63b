import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachImage, makeFilesystem } from './filesystem.ts';
import { detach, unmount } from './mounts.ts';

export type PlainFilesystem = 'btrfs' | 'ext4' | 'xfs';

/** A filesystem on a loop device, without a lab around it. */
export interface PlainDisk {
  readonly filesystem: PlainFilesystem;
  /** Holds the image and the mount point. */
  readonly directory: string;
  readonly mnt: string;
  remove(): Promise<void>;
}

/** Makes one on a sparse file; 512 MiB where nothing else is said (XFS wants 300 at least). */
export async function makePlainDisk(
  filesystem: PlainFilesystem,
  sizeBytes = 512 * 1024 ** 2,
): Promise<PlainDisk> {
  const directory = mkdtempSync(join(tmpdir(), `cowherd-${filesystem}-`));
  chmodSync(directory, 0o711);
  const paths = { image: join(directory, 'image'), mnt: join(directory, 'mnt') };
  const device = await attachImage(paths, sizeBytes);
  const options = { filesystem, sizeBytes, layout: 'top', fsUuid: randomUUID() } as const;
  await makeFilesystem(paths, device, options);
  const remove = async (): Promise<void> => {
    await unmount(paths.mnt);
    await detach({ device, file: paths.image });
    rmSync(directory, { recursive: true });
  };
  return { filesystem, directory, mnt: paths.mnt, remove };
}
