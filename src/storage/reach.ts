import { isWithin } from '../model/agent.ts';
import type { Mount } from '../model/mountinfo.ts';
import type { IdOf } from './found.ts';
import { isOnDevice } from './plain/filesystem.ts';

/**
 * Filesystems whose store lies in a host directory, or in what is mounted below it: but for ZFS it is at the filesystem's top.
 * (On ZFS it is a dataset of its own that is mounted for us alone.) One that cannot be named here cannot be named by a volume on it either, by the same
 * look: it has no store.
 */
export async function storesWithin(
  directory: string,
  { mounts, idOf }: { readonly mounts: readonly Mount[]; readonly idOf: IdOf },
): Promise<readonly string[]> {
  const tops = mounts.filter(
    ({ fstype, root, mountPoint }) =>
      (fstype === 'btrfs' || isOnDevice(fstype)) && root === '/' && isWithin(mountPoint, directory),
  );
  const ids = await Promise.all(tops.map(async (mount) => idOf(mount).catch(() => null)));
  return ids.filter((id) => id !== null);
}
