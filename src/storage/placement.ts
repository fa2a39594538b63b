import { lstat, realpath } from 'node:fs/promises';
import type { Volume } from '../model/agent.ts';
import { systemCode } from '../model/errors.ts';
import { mountOf, pathInFilesystem, type Mount } from '../model/mountinfo.ts';
import type { Tier } from '../model/snapshot.ts';
import { placeOnBtrfs } from './btrfs/place.ts';
import type { Placement } from './driver.ts';
import type { Found } from './found.ts';
import { placeOnZfs, placeUnmounted, poolsAwaited } from './zfs/place.ts';

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
  const { real, reason } = await resolve(volume.mountpoint);
  if (real === null) return refused(volume, { filesystem: 'unknown', reason });
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
  if (tier === 'zfs') return placeOnZfs({ volume, real, mount }, mounts);
  const unmounted = await placeUnmounted({ volume, real, mount }, mounts);
  if (unmounted !== null) return unmounted;
  if (tier === 'btrfs') return placeOnBtrfs({ volume, real, mount });
  return placeElsewhere({ volume, real, mount, tier });
}

/** Filesystems beyond those of these placements that hold what belongs in their places: a transaction that was cut short has set it aside. */
export async function awaitedElsewhere(
  placements: readonly Placement[],
  mounts: readonly Mount[],
): Promise<readonly string[]> {
  const others = placements.filter(({ filesystem }) => filesystem !== 'zfs');
  return poolsAwaited(
    others.map(({ mountpoint }) => mountpoint),
    mounts,
  );
}

function placeElsewhere({ volume, real, mount, tier }: Found & { readonly tier: Tier }): Placement {
  return {
    volume: volume.name,
    mountpoint: real,
    filesystem: mount.fstype,
    tier,
    reason: `this version has no driver for ${mount.fstype}${onZvol(mount)}`,
    hint: null,
    isolated: false,
    dataset: mount.source,
    fsId: '',
    pathInFs: pathInFilesystem(real, mount),
    incarnation: null,
    nested: [],
    notSwappable: null,
  };
}

/** A disk image in a pool: ZFS could snapshot it only as a whole, with what is not flushed missing. */
function onZvol({ source }: Mount): string {
  return /^\/dev\/(zd\d|zvol\/)/.test(source)
    ? ' on a ZFS volume (zvol): a ZFS filesystem in its place can be captured'
    : '';
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
    hint: null,
    ...nowhere,
  };
}

/** Where a directory is, or why that cannot be told: one path that leads in a circle is no matter of other volumes. */
async function resolve(
  path: string,
): Promise<{ real: string; reason: null } | { real: null; reason: string }> {
  try {
    const real = await realpath(path);
    if ((await lstat(real)).isDirectory()) return { real, reason: null };
  } catch (error) {
    const code = systemCode(error);
    if (code === null) throw error;
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      return { real: null, reason: `${path} cannot be looked up (${code})` };
  }
  return { real: null, reason: `${path} does not exist` };
}
