import { dirname } from 'node:path';
import { pathInFilesystem, type Mount } from '../../model/mountinfo.ts';
import type { Placement } from '../driver.ts';
import { incarnationOf, type Found, type IdOf } from '../found.ts';
import { isSubvolume } from './subvolume.ts';

/** Where a volume's data lies on btrfs. */
export async function placeOnBtrfs({ volume, real, mount }: Found, idOf: IdOf): Promise<Placement> {
  const fsId = await idOf(mount);
  const pathInFs = pathInFilesystem(real, mount);
  const isolated = await isSubvolume(real);
  return {
    volume: volume.name,
    mountpoint: real,
    filesystem: 'btrfs',
    tier: 'btrfs',
    reason: fsId === null ? `the filesystem of ${mount.source} is not in /sys/fs/btrfs` : null,
    hint: null,
    isolated,
    dataset: isolated ? pathInFs : await subvolumeAround(real, mount),
    fsId: fsId ?? '',
    pathInFs,
    incarnation: await incarnationOf(real),
    nested: [],
    notSwappable: real === mount.mountPoint ? `${real} is a mount point of its own` : null,
    hostile: null,
  };
}

/** The subvolume that holds a path, from the filesystem's root: the nearest above it, else the one its mount begins in. */
async function subvolumeAround(path: string, mount: Mount): Promise<string> {
  for (let at = path; at !== mount.mountPoint && at !== '/'; at = dirname(at)) {
    if (await isSubvolume(at)) return pathInFilesystem(at, mount);
  }
  return mountedSubvolume(mount);
}

/** What the kernel says as the last option of a btrfs mount, also of a bind of a directory inside it: `subvol=/@docker`. */
function mountedSubvolume({ superOptions, root }: Mount): string {
  const at = superOptions.findIndex((option) => option.startsWith('subvol='));
  return at < 0 ? root : superOptions.slice(at).join(',').slice('subvol='.length);
}
