import type { Volume } from '../model/agent.ts';
import { CowherdError, systemCode } from '../model/errors.ts';
import { mountOf, type Mount } from '../model/mountinfo.ts';
import { placeOnBtrfs } from './btrfs/place.ts';
import { filesystemId } from './btrfs/private-mount.ts';
import { plainId } from './plain/filesystem.ts';
import { placePlain } from './plain/place.ts';
import type { Placement } from './driver.ts';
import type { Found, IdOf } from './found.ts';
import { lookOnce, wayTo, type Look, type Way } from './way.ts';
import { placeOnZfs, placeUnmounted, poolsAwaited } from './zfs/place.ts';

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

/** What of the host tells where a volume lies. */
export interface Surroundings {
  readonly mounts: readonly Mount[];
  /** Directories that containers can write to, whoever owns them (`identityOf`); default none. */
  readonly exposed?: ReadonlySet<string>;
  /** What volumes that are placed in one moment have in common is looked at once. */
  readonly shared?: Shared;
}

/** What was found already in this moment. */
export interface Shared {
  readonly look: Look;
  readonly idOf: IdOf;
}

/** For one moment: what changes after its first look is not seen. */
export function shared(): Shared {
  const look = lookOnce();
  const ids = new Map<string, Promise<string | null>>();
  const idOf: IdOf = (mount) => {
    const key = `${mount.fstype} ${mount.device} ${mount.source}`;
    const id = ids.get(key) ?? (mount.fstype === 'btrfs' ? filesystemId : plainId)(mount);
    ids.set(key, id);
    return id;
  };
  return { look, idOf };
}

/** Where a volume's data lies, from mountinfo and the filesystem itself. Never throws for what it finds: `reason` says it. */
export async function placeVolume(
  volume: Pick<Volume, 'name' | 'mountpoint' | 'unsupported'>,
  { mounts, exposed = new Set(), shared: { look, idOf } = shared() }: Surroundings,
): Promise<Placement> {
  if (volume.unsupported !== null)
    return refused(volume, { filesystem: 'unknown', reason: volume.unsupported });
  try {
    const way = await resolve(volume.mountpoint, { exposed, look });
    if ('planted' in way) return planted(volume, way.planted);
    if ('reason' in way) return refused(volume, { filesystem: 'unknown', reason: way.reason });
    return await placeFound(volume, { ...way, idOf }, mounts);
  } catch (error) {
    // It may go at any moment of this: one volume that is removed is no matter of others.
    const reason = unreachable(volume.mountpoint, error);
    return refused(volume, { filesystem: 'unknown', reason });
  }
}

type Resolved = Exclude<Way, { readonly planted: string }>;

async function placeFound(
  volume: Pick<Volume, 'name' | 'mountpoint'>,
  { real, guarded, idOf }: Resolved & { readonly idOf: IdOf },
  mounts: readonly Mount[],
): Promise<Placement> {
  const mount = mountOf(real, mounts);
  if (mount === null)
    return refused(volume, { filesystem: 'unknown', reason: `nothing is mounted at ${real}` });
  const why = whyRefused(mount);
  if (why !== null)
    return refused(volume, {
      filesystem: mount.fstype,
      reason: `its data is on ${mount.fstype}, ${why}`,
    });
  return placeOn({ volume, real, mount, guarded, idOf }, mounts);
}

/** Why nothing is captured on a filesystem of this kind, or null. */
export function whyRefused({ fstype }: Pick<Mount, 'fstype'>): string | null {
  return REFUSED[fstype] ?? (fstype.startsWith('fuse') ? 'a FUSE filesystem' : null);
}

async function placeOn(
  { volume, real, mount, guarded, idOf }: Found & Resolved & { readonly idOf: IdOf },
  mounts: readonly Mount[],
): Promise<Placement> {
  if (mount.fstype === 'zfs') {
    const placement = await placeOnZfs({ volume, real, mount }, mounts);
    return guarded ? placement : mountedByOthers(placement);
  }
  const unmounted = await placeUnmounted({ volume, real, mount }, mounts);
  if (unmounted !== null) return unmounted;
  if (mount.fstype === 'btrfs') return placeOnBtrfs({ volume, real, mount }, idOf);
  return placePlain({ volume, real, mount }, idOf);
}

/** A swap on ZFS mounts by path: whoever can put a link there would say where. (On btrfs no link is followed in a swap.) */
function mountedByOthers(placement: Placement): Placement {
  const { mountpoint, notSwappable } = placement;
  const why = `not only root can put something else at ${mountpoint}`;
  return { ...placement, notSwappable: notSwappable ?? why, hostile: 'HOSTILE_PATH' };
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

function planted(volume: Pick<Volume, 'name' | 'mountpoint'>, link: string): Placement {
  const reason = `${link}, on the way to it, is a link that somebody else than root may have made: it is not followed`;
  const hint = `look where ${link} leads: remove it, or name the directory meant by a path without it`;
  return { ...refused(volume, { filesystem: 'unknown', reason }), hint, hostile: 'HOSTILE_PATH' };
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
    hostile: null,
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

/** Where a directory is, or why that cannot be told. Throws the system's error. */
async function resolve(
  path: string,
  { exposed, look }: { readonly exposed: ReadonlySet<string>; readonly look: Look },
): Promise<Way | { readonly reason: string }> {
  const way = await wayTo(path, exposed, look);
  if ('planted' in way || (await look(way.real)).isDirectory()) return way;
  return { reason: missing(path) };
}

/** Why a path could not be followed; one that leads in a circle is no matter of other volumes. Throws what is no error of the system. */
function unreachable(path: string, error: unknown): string {
  const code = error instanceof CowherdError ? null : systemCode(error);
  if (code === null) throw error;
  return ['ENOENT', 'ENOTDIR'].includes(code)
    ? missing(path)
    : `${path} cannot be looked up (${code})`;
}

function missing(path: string): string {
  return `${path} does not exist`;
}
