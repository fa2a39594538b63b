import { readdir, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { CowherdError } from '../../model/errors.ts';
import type { Mount } from '../../model/mountinfo.ts';
import { ensureMounted, PRIVATE_OPTIONS } from '../private-mount.ts';

/**
 * The filesystem's top level, mounted for us alone at `<runtimeDir>/fs/<uuid>` and left there: renames and reflinks
 * between volumes and store work through one mount only (rename(2), EXDEV), and no symlink is followed in it.
 * Made when it is missing, writable where the filesystem is, which stays read-only where it is that. Throws TOOL_FAILED, or IO_ERROR when something else sits there.
 */
export async function privateMount(fsId: string, runtimeDir: string): Promise<string> {
  // Read-only at first: mounting a btrfs in any other way makes one writable that is read-only, for whatever reason that was.
  const options = `ro,subvolid=5,${PRIVATE_OPTIONS}`;
  return ensureMounted({
    runtimeDir,
    target: `${runtimeDir}/fs/${fsId}`,
    lock: `${runtimeDir}/mount-${fsId}.lock`,
    mount: async () => ['-t', 'btrfs', '-o', options, await deviceOf(fsId)],
    isWanted: async (mount) =>
      mount.root === '/' && mount.fstype === 'btrfs' && (await filesystemId(mount)) === fsId,
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

/** True for the UUID of a mounted btrfs. */
export async function isBtrfs(fsId: string): Promise<boolean> {
  return (await mountedFilesystems()).includes(fsId);
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
