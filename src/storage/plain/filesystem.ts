import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import type { Mount } from '../../model/mountinfo.ts';
import { readMounts } from '../mounts.ts';

const ON_A_DEVICE = ['ext2', 'ext3', 'ext4', 'xfs'];

/** True for a filesystem that lies on one block device and can be mounted from it once more. */
export function isOnDevice(fstype: string): boolean {
  return ON_A_DEVICE.includes(fstype);
}

/** UUID of a mounted filesystem (blkid(8)), or null: one without a UUID, or that lies on no block device of its own. Throws TOOL_MISSING. */
export async function plainId(mount: Mount): Promise<string | null> {
  if (!isOnDevice(mount.fstype)) return null;
  const device = await deviceOf(mount);
  if (device === null) return null;
  const args = ['-p', '-o', 'value', '-s', 'UUID', '--', device];
  const { stdout } = await run('blkid', args, { okExits: [2] });
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.exec(stdout.trim())?.[0] ?? null;
}

/** The block device below a mount, as the kernel calls it; null where there is none. */
async function deviceOf({ device }: Pick<Mount, 'device'>): Promise<string | null> {
  try {
    return `/dev/${basename(await readlink(`/sys/dev/block/${device}`)).replaceAll('!', '/')}`;
  } catch {
    return null;
  }
}

/** How a filesystem is mounted anywhere now. */
export interface Mounted {
  readonly device: string;
  readonly fstype: string;
  readonly mountPoint: string;
  /** Of the filesystem itself, however it is mounted. */
  readonly access: 'ro' | 'rw';
}

/** True for a filesystem on which files can share their data. Throws IO_ERROR when it is mounted nowhere, TOOL_MISSING, TOOL_FAILED. */
export async function sharesData(fsId: string): Promise<boolean> {
  const { fstype, mountPoint } = await mountedAs(fsId);
  return fstype === 'xfs' && (await hasReflinks({ mountPoint }));
}

/** Throws IO_ERROR when it is mounted nowhere. */
export async function mountedAs(fsId: string): Promise<Mounted> {
  const seen = new Set<string>();
  for (const mount of await readMounts()) {
    if (seen.has(mount.device)) continue;
    seen.add(mount.device);
    const device = await deviceOf(mount);
    if (device === null || (await plainId(mount)) !== fsId) continue;
    const { fstype, mountPoint, superOptions } = mount;
    return { device, fstype, mountPoint, access: superOptions.includes('ro') ? 'ro' : 'rw' };
  }
  throw new CowherdError('IO_ERROR', `the filesystem ${fsId} is not mounted anywhere`);
}

/** Whether files can share their data on an XFS (FICLONE, ioctl_ficlone(2)), which mkfs.xfs(8) decides. Throws TOOL_MISSING, TOOL_FAILED. */
export async function hasReflinks({ mountPoint }: Pick<Mount, 'mountPoint'>): Promise<boolean> {
  const { stdout } = await run('xfs_info', ['--', mountPoint]);
  return /\breflink=1\b/.test(stdout);
}
