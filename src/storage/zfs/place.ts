import { lstat } from 'node:fs/promises';
import { systemCode, toCowherdError } from '../../model/errors.ts';
import type { Mount } from '../../model/mountinfo.ts';
import type { Placement } from '../driver.ts';
import { exists } from '../../exec/durable.ts';
import { incarnationOf, type Found } from '../found.ts';
import { datasetsIn, isVisible } from './datasets.ts';
import { isEmptyDirectory, isMountPoint } from './mount-point.ts';
import { poolOf } from './names.ts';
import type { Pool, ZfsDataset } from './parse.ts';
import { rememberedPath } from './properties.ts';
import { listPools, whyUnusable } from './pool.ts';

/** `.` and `..` */
const NO_ENTRIES = 2;

/** Pools by the reading of the mount table they belong to: one look for all volumes placed with it. */
const looks = new WeakMap<readonly Mount[], Promise<Look>>();

interface Look {
  readonly pools: readonly Pool[];
  /** Filesystems by pool, listed when one is asked for. */
  readonly datasets: (pool: string) => Promise<readonly ZfsDataset[]>;
  /** Why there is none to be seen, or null. */
  readonly reason: string | null;
  readonly hint: string | null;
}

async function lookAt(mounts: readonly Mount[]): Promise<Look> {
  const known = looks.get(mounts);
  if (known !== undefined) return known;
  const listed = new Map<string, Promise<readonly ZfsDataset[]>>();
  const datasets = async (pool: string): Promise<readonly ZfsDataset[]> => {
    const listing = listed.get(pool) ?? datasetsIn(pool);
    listed.set(pool, listing);
    return listing;
  };
  const look = listPools().then(
    (pools) => ({ pools, datasets, reason: null, hint: null }),
    (error: unknown) => {
      const { message, hint } = toCowherdError(error);
      return { pools: [], datasets, reason: message, hint };
    },
  );
  looks.set(mounts, look);
  return look;
}

/** What can be said of a volume, beyond where it lies. */
type Verdict = Pick<Placement, 'reason' | 'hint' | 'isolated' | 'dataset' | 'notSwappable'>;

/** Where a volume's data lies on ZFS: the mount table names the dataset, whatever its mountpoint property or the pool's altroot say. */
export async function placeOnZfs(found: Found, mounts: readonly Mount[]): Promise<Placement> {
  const { volume, real, mount } = found;
  const look = await lookAt(mounts);
  const pool = look.pools.find(({ name }) => name === poolOf(mount.source));
  const missing = { reason: look.reason ?? `the pool of ${mount.source} is gone`, hint: look.hint };
  const verdict = pool === undefined ? {} : await judge(found, { mounts, look, pool });
  return {
    volume: volume.name,
    mountpoint: real,
    filesystem: 'zfs',
    tier: 'zfs',
    fsId: pool?.guid ?? '',
    pathInFs: real,
    incarnation: await incarnationOf(real),
    nested: [],
    dataset: mount.source,
    isolated: false,
    notSwappable: null,
    hostile: null,
    ...(pool === undefined ? missing : { reason: null, hint: null }),
    ...verdict,
  };
}

interface Seen {
  readonly mounts: readonly Mount[];
  readonly look: Look;
  readonly pool: Pool;
}

async function judge(found: Found, { mounts, look, pool }: Seen): Promise<Verdict> {
  const { real, mount } = found;
  const dataset = mount.source;
  if (mount.mountPoint !== real || mount.root !== '/') return judgeDirectory(found, look, pool);
  if (!(await isVisible(mount))) {
    const reason = `its dataset ${dataset} is mounted, but hidden by a later mount`;
    const hint = `findmnt --target ${real} tells by which; unmount that one`;
    return { isolated: true, dataset, reason, hint, notSwappable: reason };
  }
  const notSwappable = whyNotSwappable(found, mounts);
  const nested = mounts.filter(
    ({ fstype, mountPoint }) => fstype === 'zfs' && mountPoint.startsWith(`${real}/`),
  );
  const own = { isolated: true, dataset };
  const unusable = whyUnusable(pool);
  if (unusable !== null)
    return { ...own, notSwappable, reason: unusable, hint: `zpool status ${pool.name}` };
  if (nested.length > 0) {
    const reason = `it holds datasets of its own (${nested.map(({ source }) => source).join(', ')}), which this version does not capture on ZFS`;
    return { ...own, reason, hint: 'make plain directories of them', notSwappable: reason };
  }
  return { ...own, notSwappable, reason: null, hint: null };
}

/** A directory of a bigger dataset, or the bare mount point of one that is not mounted. */
async function judgeDirectory({ real, mount }: Found, look: Look, pool: Pool): Promise<Verdict> {
  const empty = await isEmptyByCount(real);
  const owner = empty ? await ownerOf(real, look, pool) : null;
  if (owner !== null) return notMounted(owner);
  const bare =
    empty && (await isMountPoint(real))
      ? `${real} is an empty mount point, and no dataset belongs there`
      : null;
  return {
    isolated: false,
    dataset: mount.source,
    reason:
      bare ??
      `it is a directory of the dataset ${mount.source}, and only a dataset of its own can be captured on ZFS`,
    hint:
      bare === null ? 'cowherd adopt makes it a dataset of its own' : 'zfs list -o name,mountpoint',
    notSwappable: bare,
  };
}

/**
 * True for a directory without entries: the size of one on ZFS is their number. Reading it would write its time of access, and wait for ever in a
 * pool whose disks do not answer.
 */
async function isEmptyByCount(path: string): Promise<boolean> {
  const stat = await lstat(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null;
    throw error;
  });
  return stat?.isDirectory() === true && stat.size === NO_ENTRIES;
}

/** The dataset that should be mounted at a path and is not; the one that would be at boot before others. */
async function ownerOf(path: string, look: Look, pool: Pool): Promise<ZfsDataset | null> {
  const there = (await look.datasets(pool.name)).filter(
    ({ mountpoint, mounted }) => mountpoint === path && !mounted,
  );
  return there.find(({ canmount }) => canmount === 'on') ?? null;
}

/**
 * An empty directory of another filesystem that a dataset is to be mounted over, and is not; null where there is none. Its
 * captures would be empty, and good ones would be pruned for them.
 */
export async function placeUnmounted(
  { volume, real }: Found,
  mounts: readonly Mount[],
): Promise<Placement | null> {
  if (!(await isLoaded()) || !(await isEmptyDirectory(real))) return null;
  const look = await lookAt(mounts);
  for (const pool of look.pools.filter(answers)) {
    const owner = await ownerOf(real, look, pool);
    if (owner === null) continue;
    return {
      ...{ volume: volume.name, mountpoint: real, filesystem: 'zfs', tier: 'zfs' },
      ...{ fsId: pool.guid, pathInFs: real, incarnation: await incarnationOf(real), nested: [] },
      ...{ ...notMounted(owner), hostile: null },
    };
  }
  return null;
}

/** Guids of pools that hold something which belongs at one of these paths, and was set aside by a transaction. */
export async function poolsAwaited(
  paths: readonly string[],
  mounts: readonly Mount[],
): Promise<readonly string[]> {
  if (paths.length === 0 || !(await isLoaded())) return [];
  const empty = await Promise.all(paths.map(isEmptyDirectory));
  const bare = paths.filter((_, index) => empty[index]);
  if (bare.length === 0) return [];
  const look = await lookAt(mounts);
  const awaited = await Promise.all(
    look.pools.filter(answers).map(async ({ name, guid, altroot }) => {
      const aside = (await look.datasets(name)).filter(
        ({ mountpoint, remembered }) => mountpoint === 'none' && remembered !== null,
      );
      const places = aside.map(({ remembered }) => rememberedPath(remembered, altroot));
      return places.some((place) => bare.includes(place)) ? [guid] : [];
    }),
  );
  return awaited.flat();
}

/** A pool that is suspended is no matter of volumes elsewhere. */
function answers({ health }: Pool): boolean {
  return health !== 'SUSPENDED';
}

/** Where OpenZFS is not in the kernel nothing is asked of its tools. */
async function isLoaded(): Promise<boolean> {
  return exists('/sys/module/zfs');
}

function notMounted(owner: ZfsDataset): Verdict {
  const { reason, hint } = whyNotMounted(owner);
  return { isolated: true, dataset: owner.name, reason, hint, notSwappable: reason };
}

function whyNotMounted({ name, readable }: ZfsDataset): { reason: string; hint: string } {
  return readable
    ? { reason: `its dataset ${name} is not mounted`, hint: `zfs mount ${name}` }
    : {
        reason: `its dataset ${name} is not mounted: its encryption key is not loaded`,
        hint: `zfs load-key ${name}, then zfs mount ${name}`,
      };
}

/** Why a dataset that others lie below, as `below` does, cannot give its name to another. */
export function belowIt(below: string): string {
  return `the dataset ${below} lies below its own and would move with the old data`;
}

/** A swap renames the dataset and mounts another in its place. */
function whyNotSwappable({ mount }: Found, mounts: readonly Mount[]): string | null {
  const { source, mountPoint } = mount;
  if (source.includes('@')) return `${source} is a snapshot`;
  if (!source.includes('/')) return `${source} is the root dataset of its pool`;
  const others = mounts.filter(
    (other) => other.fstype === 'zfs' && other.mountPoint !== mountPoint,
  );
  const elsewhere = others.find((other) => other.source === source);
  if (elsewhere !== undefined) return `its dataset is mounted at ${elsewhere.mountPoint} too`;
  const below = others.find((other) => other.source.startsWith(`${source}/`));
  return below === undefined ? null : belowIt(below.source);
}
