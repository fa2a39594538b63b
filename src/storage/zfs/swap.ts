import { lstat } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import { CowherdError, systemCode } from '../../model/errors.ts';
import type { InPlace, SwapVolume, TransactionRecord, Tree } from '../../model/transaction.ts';
import { besidePath } from '../files/layout.ts';
import { foreignTree, lostTree, moveTree, sameTree } from '../tree/move-tree.ts';
import { childrenOf, datasetByGuid, mountedAt, namesBelow, propertyOf } from './datasets.ts';
import type { Home } from './home.ts';
import {
  isEmptyDirectory,
  isMountPoint,
  makeMountPoint,
  removeMountPoint,
  sealBelow,
} from './mount-point.ts';
import { asideName, isAside, nameInPlace } from './names.ts';
import type { ZfsDataset } from './parse.ts';
import { belowIt } from './place.ts';
import { isLegacy, remember, reserve, setAside, setMountpoint } from './properties.ts';
import { zfs } from './tool.ts';

type Record = Pick<TransactionRecord, 'id'>;
type Which = 'old' | 'new';

/** The tree at a path: the dataset mounted there by guid, a directory by inode number; null for nothing or a bare mount point. */
export async function treeAtPath(path: string): Promise<Tree | null> {
  const mount = await mountedAt(path);
  if (mount?.fstype === 'zfs' && mount.root === '/') {
    const guid = await propertyOf(mount.source, 'guid');
    return { kind: 'dataset', guid: guid ?? 'unknown' };
  }
  try {
    const stat = await lstat(path);
    if (!stat.isDirectory()) return { kind: 'directory', guid: 'not-a-directory' };
    return (await isMountPoint(path)) ? null : { kind: 'directory', guid: String(stat.ino) };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Which tree of a transaction lies at the volume's place. */
export async function inPlace(home: Home, volume: SwapVolume): Promise<InPlace> {
  const tree = await treeAtPath(volume.pathInFs);
  if (tree === null || (await isUncovered(volume, tree))) return awaited(home, volume);
  if (sameTree(tree, volume.old)) return 'old';
  return sameTree(tree, volume.new) ? 'new' : 'foreign';
}

/** The directory that a dataset not adopted by us is mounted over: seen, and empty, between the unmount of the old and the mount of the new. */
async function isUncovered(volume: SwapVolume, { kind }: Tree): Promise<boolean> {
  if (kind === 'dataset' || volume.old.kind !== 'dataset' || volume.new.kind !== 'dataset')
    return false;
  return isEmptyDirectory(volume.pathInFs);
}

/** Nothing is there: the new dataset may have its place by name, and lack its key. */
async function awaited(home: Home, volume: SwapVolume): Promise<InPlace> {
  if (volume.new.kind !== 'dataset') return 'none';
  const installed = await newDataset(home, volume);
  return installed === null || nameInPlace(installed.name) !== null ? 'none' : 'unmounted';
}

/** Moves the old tree away: a dataset is unmounted and renamed, below it stays the bare mount point. Throws IO_ERROR while something uses it. */
export async function retireTree(home: Home, record: Record, volume: SwapVolume): Promise<void> {
  if (volume.old.kind === 'directory') {
    await moveTree(volume.pathInFs, besidePath(home.layout, record.id, volume.pathInFs, 'old'));
    return;
  }
  const old = await datasetByGuid(volume.old.guid, home.parent);
  if (old === null) throw lostTree(volume, volume.pathInFs);
  await putAside({ record, volume, dataset: old, which: 'old' });
}

/** Moves the new tree to its place. */
export async function installTree(home: Home, record: Record, volume: SwapVolume): Promise<void> {
  if (volume.new.kind === 'directory') {
    await removeMountPoint(volume.pathInFs);
    await moveTree(besidePath(home.layout, record.id, volume.pathInFs, 'new'), volume.pathInFs);
    return;
  }
  const staged = await datasetByGuid(volume.new.guid, home.parent);
  if (staged === null) throw new CowherdError('IO_ERROR', `the new data of ${volume.name} is gone`);
  if (volume.old.kind === 'directory') await supersede(home, volume.pathInFs);
  await putInPlace(staged, volume.pathInFs);
}

/** A former incarnation's dataset that would be mounted at the same place when the machine starts is mounted by hand from now on. */
async function supersede({ parent }: Home, path: string): Promise<void> {
  const former = (await childrenOf(parent)).filter(
    ({ mountpoint, canmount, mounted }) => mountpoint === path && canmount === 'on' && !mounted,
  );
  for (const { name } of former) await zfs(['set', 'canmount=noauto', name]);
}

/** Brings the old tree back to its place, whatever of the swap was done. Throws IO_ERROR when neither tree can be found. */
export async function revertTree(home: Home, record: Record, volume: SwapVolume): Promise<void> {
  const found = await inPlace(home, volume);
  if (found === 'foreign') throw foreignTree(volume);
  if (volume.old.kind === 'directory') await revertToDirectory(home, record, volume);
  else await revertToDataset(home, record, volume);
}

async function revertToDirectory(home: Home, record: Record, volume: SwapVolume): Promise<void> {
  const { pathInFs } = volume;
  if ((await inPlace(home, volume)) === 'old') return;
  const beside = besidePath(home.layout, record.id, pathInFs, 'old');
  const aside = await treeAtPath(beside);
  if (aside === null || !sameTree(aside, volume.old)) throw lostTree(volume, beside);
  await moveNewAway(home, record, volume);
  await removeMountPoint(pathInFs);
  await moveTree(beside, pathInFs);
}

async function revertToDataset(home: Home, record: Record, volume: SwapVolume): Promise<void> {
  const old = await datasetByGuid(volume.old.guid, home.parent);
  if (old === null) throw lostTree(volume, volume.old.guid);
  if ((await inPlace(home, volume)) === 'old' && !isAside(old.name, record.id, 'old')) return;
  await moveNewAway(home, record, volume);
  await unmountFrom(old, volume.pathInFs);
  await putInPlace(old, volume.pathInFs);
}

/** Whatever of the new tree is in place, or bears the name it has there, goes back to where it was staged. */
async function moveNewAway(home: Home, record: Record, volume: SwapVolume): Promise<void> {
  if (volume.new.kind === 'directory') {
    if ((await inPlace(home, volume)) === 'new')
      await moveTree(volume.pathInFs, besidePath(home.layout, record.id, volume.pathInFs, 'new'));
    return;
  }
  const installed = await newDataset(home, volume);
  if (installed === null || isAside(installed.name, record.id, 'new')) return;
  await putAside({ record, volume, dataset: installed, which: 'new' });
}

async function newDataset(home: Home, volume: SwapVolume): Promise<ZfsDataset | null> {
  return volume.new.guid === '' ? null : datasetByGuid(volume.new.guid, home.parent);
}

interface Aside {
  readonly record: Record;
  readonly volume: SwapVolume;
  readonly dataset: ZfsDataset;
  readonly which: Which;
}

async function putAside({ record, volume, dataset, which }: Aside): Promise<void> {
  await unmountFrom(dataset, volume.pathInFs);
  const aside = asideName(dataset.name, record.id, which);
  await zfs(['rename', '-u', dataset.name, aside]);
  await setAside(aside, dataset.remembered);
}

/** Gives a dataset the name and the properties it has in place, and mounts it there. */
async function putInPlace(dataset: ZfsDataset, path: string): Promise<void> {
  const name = nameInPlace(dataset.name) ?? dataset.name;
  await makeMountPoint(path);
  if (name !== dataset.name) await zfs(['rename', '-u', dataset.name, name]);
  // What it remembers of an earlier transaction is of no use while it is not set aside.
  const aside = name !== dataset.name || dataset.mountpoint === 'none';
  if (aside) await setMountpoint(name, dataset.remembered);
  if (!(await isMountedAt(path, name))) {
    if (isLegacy(dataset.remembered)) await run('mount', ['-t', 'zfs', name, path]);
    else await zfs(['mount', name]);
  }
  if (!(await isMountedAt(path, name)))
    throw new CowherdError('IO_ERROR', `${name} was mounted elsewhere than at ${path}`, {
      hint: `zfs get mountpoint ${name} tells where it belongs`,
    });
  if (aside) await reserve(name, dataset.remembered);
}

async function isMountedAt(path: string, dataset: string): Promise<boolean> {
  return (await mountedAt(path))?.source === dataset;
}

/** Throws IO_ERROR (busy) while something of this host has a file of it open. */
async function unmountFrom(dataset: ZfsDataset, path: string): Promise<void> {
  if (!(await isMountedAt(path, dataset.name))) return;
  if (isLegacy(dataset.remembered)) await run('umount', ['--', path]);
  else await zfs(['unmount', dataset.name]);
}

/** Before anything is stopped: the old data can be set aside, and remembers what it has in place. Throws TIER_UNSUPPORTED. */
export async function prepareAside(home: Home, record: Record, volume: SwapVolume): Promise<void> {
  const { old, pathInFs } = volume;
  if (old.kind !== 'dataset') return;
  const dataset = await datasetByGuid(old.guid, home.parent);
  if (dataset === null) return;
  asideName(dataset.name, record.id, 'old');
  const [below] = await namesBelow(dataset.name);
  if (below !== undefined)
    throw new CowherdError('TIER_UNSUPPORTED', belowIt(below), {
      hint: `zfs rename ${below} to a place beside it, then run it again`,
    });
  await sealBelow(home.runtimeDir, pathInFs);
  await remember(dataset.name, home.pool);
}
