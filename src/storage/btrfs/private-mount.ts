import { chmod, mkdir, readdir, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { lockFile } from '../../exec/flock.ts';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import type { Mount } from '../../model/mountinfo.ts';
import { readMounts } from '../mounts.ts';

const OPTIONS = 'subvolid=5,nosuid,nodev,noexec,noatime,nosymfollow';
const MOUNT_LOCK_WAIT_MS = 30_000;

/**
 * The filesystem's top level, mounted for us alone at `<runtimeDir>/fs/<uuid>` and left there: renames and reflinks
 * between volumes and store work through one mount only (rename(2), EXDEV), and no symlink is followed in it.
 * Made when it is missing. Throws TOOL_FAILED, or IO_ERROR when something else sits there.
 */
export async function privateMount(fsId: string, runtimeDir: string): Promise<string> {
  const target = `${runtimeDir}/fs/${fsId}`;
  if (await isMounted(target, fsId)) return target;
  await mkdir(target, { recursive: true, mode: 0o700 });
  await chmod(`${runtimeDir}/fs`, 0o700);
  const lock = await lockFile(`${runtimeDir}/mount-${fsId}.lock`, MOUNT_LOCK_WAIT_MS);
  if (lock === null)
    throw new CowherdError('IO_ERROR', `another run has been mounting ${target} for 30 s`);
  try {
    if (!(await isMounted(target, fsId))) await mountAt(target, fsId);
  } finally {
    lock.release();
  }
  return target;
}

async function mountAt(target: string, fsId: string): Promise<void> {
  await run('mount', [
    '-t',
    'btrfs',
    '-o',
    OPTIONS,
    '--make-private',
    await deviceOf(fsId),
    target,
  ]);
}

async function isMounted(target: string, fsId: string): Promise<boolean> {
  const mounts = (await readMounts()).filter((mount) => mount.mountPoint === target);
  const last = mounts.at(-1);
  if (!last) return false;
  if (last.root === '/' && last.fstype === 'btrfs' && (await filesystemId(last)) === fsId)
    return true;
  throw new CowherdError('IO_ERROR', `${target} is mounted, but not with the filesystem ${fsId}`, {
    hint: `umount ${target}, then run it again`,
  });
}

const SYSFS = '/sys/fs/btrfs';

/** UUID of a mounted btrfs by the device it is mounted from (sysfs lists every device of every mounted btrfs), or null. */
export async function filesystemId(mount: Mount): Promise<string | null> {
  const device = await resolveDevice(mount.source);
  for (const uuid of await mountedFilesystems()) {
    if ((await devicesOf(uuid)).includes(device)) return uuid;
  }
  return null;
}

async function mountedFilesystems(): Promise<readonly string[]> {
  const names = await readdir(SYSFS).catch(() => []);
  return names.filter((name) => /^[0-9a-f]{8}-/.test(name));
}

async function devicesOf(fsId: string): Promise<readonly string[]> {
  return readdir(`${SYSFS}/${fsId}/devices`).catch(() => []);
}

async function deviceOf(fsId: string): Promise<string> {
  const [device] = await devicesOf(fsId);
  if (device === undefined)
    throw new CowherdError('IO_ERROR', `the btrfs filesystem ${fsId} is not mounted anywhere`);
  return `/dev/${device}`;
}

async function resolveDevice(source: string): Promise<string> {
  return basename(await realpath(source).catch(() => source));
}
