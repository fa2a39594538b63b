import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Volume } from '../model/agent.ts';
import { systemCode } from '../model/errors.ts';
import { mountOf, pathInFilesystem, type Mount } from '../model/mountinfo.ts';
import type { Tier } from '../model/snapshot.ts';
import { filesystemId } from './btrfs/private-mount.ts';
import { isSubvolume } from './btrfs/subvolume.ts';
import type { Placement } from './driver.ts';

/** Tiers by the kernel's filesystem name; what is not named here and not refused is copied with tar. */
const TIERS: Readonly<Record<string, Tier>> = { btrfs: 'btrfs', zfs: 'zfs', xfs: 'reflink' };
const REFUSED: Readonly<Record<string, string>> = {
  nfs: 'a network filesystem',
  nfs4: 'a network filesystem',
  cifs: 'a network filesystem',
  smb3: 'a network filesystem',
  '9p': 'a network filesystem',
  ceph: 'a network filesystem',
  tmpfs: 'in memory only',
  ramfs: 'in memory only',
};

/** Where a volume's data lies, from mountinfo and the filesystem itself. Never throws for what it finds: `reason` says it. */
export async function placeVolume(
  volume: Pick<Volume, 'name' | 'mountpoint' | 'unsupported'>,
  mounts: readonly Mount[],
): Promise<Placement> {
  if (volume.unsupported !== null)
    return refused(volume, { filesystem: 'unknown', reason: volume.unsupported });
  const real = await resolve(volume.mountpoint);
  if (real === null)
    return refused(volume, {
      filesystem: 'unknown',
      reason: `${volume.mountpoint} does not exist`,
    });
  const mount = mountOf(real, mounts);
  if (mount === null)
    return refused(volume, { filesystem: 'unknown', reason: `nothing is mounted at ${real}` });
  const why =
    REFUSED[mount.fstype] ?? (mount.fstype.startsWith('fuse') ? 'a FUSE filesystem' : undefined);
  if (why !== undefined)
    return refused(volume, {
      filesystem: mount.fstype,
      reason: `its data is on ${mount.fstype}, ${why}`,
    });
  const tier = TIERS[mount.fstype] ?? 'tar';
  if (tier === 'btrfs') return placeOnBtrfs({ volume, real, mount });
  return placeElsewhere({ volume, real, mount, tier });
}

interface Found {
  readonly volume: Pick<Volume, 'name'>;
  readonly real: string;
  readonly mount: Mount;
}

async function placeOnBtrfs({ volume, real, mount }: Found): Promise<Placement> {
  const fsId = await filesystemId(mount);
  const pathInFs = pathInFilesystem(real, mount);
  const isolated = await isSubvolume(real);
  return {
    volume: volume.name,
    mountpoint: real,
    filesystem: 'btrfs',
    tier: 'btrfs',
    reason: fsId === null ? `the filesystem of ${mount.source} is not in /sys/fs/btrfs` : null,
    isolated,
    dataset: isolated ? pathInFs : await subvolumeAround(real, mount),
    fsId: fsId ?? '',
    pathInFs,
    incarnation: await incarnationOf(real),
    nested: [],
    notSwappable: real === mount.mountPoint ? `${real} is a mount point of its own` : null,
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

function placeElsewhere({ volume, real, mount, tier }: Found & { readonly tier: Tier }): Placement {
  const isolated = tier === 'zfs' && mount.mountPoint === real;
  return {
    volume: volume.name,
    mountpoint: real,
    filesystem: mount.fstype,
    tier,
    reason: `this version has no driver for ${mount.fstype}`,
    isolated,
    dataset: mount.source,
    fsId: '',
    pathInFs: pathInFilesystem(real, mount),
    incarnation: null,
    nested: [],
    notSwappable: null,
  };
}

function refused(
  volume: Pick<Volume, 'name' | 'mountpoint'>,
  why: { filesystem: string; reason: string },
): Placement {
  const { filesystem, reason } = why;
  const nowhere = {
    dataset: '',
    fsId: '',
    pathInFs: '',
    isolated: false,
    incarnation: null,
    nested: [],
    notSwappable: null,
  };
  return {
    volume: volume.name,
    mountpoint: volume.mountpoint,
    filesystem,
    tier: 'unsupported',
    reason,
    ...nowhere,
  };
}

/** Docker makes `volumes/NAME` when it creates a volume; what lies in it may be swapped, the directory stays. */
async function incarnationOf(data: string): Promise<string | null> {
  if (basename(data) !== '_data') return null;
  const { ino, birthtimeNs } = await lstat(dirname(data), { bigint: true });
  return `${String(ino)}-${String(birthtimeNs)}`;
}

async function resolve(path: string): Promise<string | null> {
  try {
    const real = await realpath(path);
    return (await lstat(real)).isDirectory() ? real : null;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}
