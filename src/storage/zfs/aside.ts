import { posix } from 'node:path';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import type { SwapVolume, TransactionRecord } from '../../model/transaction.ts';
import { besidePath } from '../files/layout.ts';
import * as records from '../files/records.ts';
import { removeTree } from '../tree/remove-tree.ts';
import {
  childrenOf,
  datasetByGuid,
  destroy,
  mountsFrom,
  propertyOf,
  snapshotsOf,
} from './datasets.ts';
import { attach, type Home } from './home.ts';
import { datasetOf, isAside, nameInPlace } from './names.ts';
import type { ZfsDataset } from './parse.ts';
import { reserve } from './properties.ts';
import { VOLUME } from './snapshots.ts';
import { exists } from '../../exec/durable.ts';
import { says, zfs, zpool } from './tool.ts';

/** Destroys what was staged for a volume, or moved away by a revert; what is in place is never touched, what has snapshots is kept. */
export async function destroyStaged(
  home: Home,
  record: TransactionRecord,
  volume: SwapVolume,
): Promise<void> {
  if (volume.new.kind === 'directory') {
    await removeBeside(besidePath(home.layout, record.id, volume.pathInFs, 'new'));
    return;
  }
  // A run that was killed may have a `zfs clone` still on its way.
  await zpool(['sync', home.pool.name]);
  for (const name of await stagedFor(home, record, volume)) {
    for (const { mountPoint } of await mountsFrom([name])) await run('umount', ['--', mountPoint]);
    if (!(await destroyEmpty(name))) await records.markRetired(home.layout, record);
  }
  if (wasSetAside(record)) await reserveAgain(home, volume);
}

/** From then on what the old data remembers to have in place is of this transaction, and not of an earlier one. */
function wasSetAside({ phase }: TransactionRecord): boolean {
  return phase === 'swapping' || phase === 'swapped' || phase === 'reverting';
}

/** What it could not reserve while the new data took the room. */
async function reserveAgain({ parent }: Home, { old }: SwapVolume): Promise<void> {
  const dataset = old.kind === 'dataset' ? await datasetByGuid(old.guid, parent) : null;
  if (dataset?.mounted === true) await reserve(dataset.name, dataset.remembered);
}

async function removeBeside(path: string): Promise<void> {
  if (await exists(path)) await removeTree(path);
}

/** By name and mark: a run that was cut short has not recorded the guid. */
async function stagedFor(
  home: Home,
  { id }: TransactionRecord,
  volume: SwapVolume,
): Promise<readonly string[]> {
  const old =
    volume.old.kind === 'dataset' ? await datasetByGuid(volume.old.guid, home.parent) : null;
  const parents = new Set([home.parent, ...(old === null ? [] : [posix.dirname(old.name)])]);
  const found: string[] = [];
  for (const parent of parents) {
    for (const { name } of await childrenOf(parent)) {
      if (isAside(name, id, 'new') && (await propertyOf(name, VOLUME)) === volume.name)
        found.push(name);
    }
  }
  return found;
}

/** Destroys retired data; a dataset that holds snapshots, ours or others', stays until it holds none. */
export async function destroyRetired(
  home: Home,
  record: TransactionRecord,
  volume: SwapVolume,
): Promise<void> {
  if (volume.old.kind === 'directory') {
    await removeBeside(besidePath(home.layout, record.id, volume.pathInFs, 'old'));
    return;
  }
  const old = await datasetByGuid(volume.old.guid, home.parent);
  if (old === null || !isAside(old.name, record.id, 'old')) return;
  if (!(await destroyEmpty(old.name))) await records.markRetired(home.layout, record);
}

/**
 * Ends a rollback on its new data: every clone in place becomes the owner of the snapshots it was made from (zfs-promote(8)), so
 * that they outlive the retired data. One whose names clash stays a clone, and the retired data with it.
 */
export async function keepRetired(home: Home, record: TransactionRecord): Promise<void> {
  const layout = await attach(home);
  for (const volume of record.volumes) await promoteNew(home, volume);
  await records.keepRecord(layout, record);
}

/** A promotion leaves the clone on its origin's own origin (zfs-promote(8)): again, until no retired data is below it. */
async function promoteNew(home: Home, volume: SwapVolume): Promise<void> {
  for (;;) {
    const dataset = await clonedFromRetired(home, volume);
    if (dataset === null) return;
    try {
      await zfs(['promote', dataset.name]);
    } catch (error) {
      if (says(error, /conflicting snapshot/i)) return;
      throw error;
    }
  }
}

/** A volume's dataset in place while it is a clone of something that is set aside. */
async function clonedFromRetired(home: Home, volume: SwapVolume): Promise<ZfsDataset | null> {
  if (volume.new.kind !== 'dataset' || volume.fsId !== home.pool.guid) return null;
  const dataset = await datasetByGuid(volume.new.guid, home.parent);
  if (dataset === null || dataset.origin === null) return null;
  if (nameInPlace(dataset.name) !== null) return null;
  return nameInPlace(datasetOf(dataset.origin)) === null ? null : dataset;
}

/** Volumes whose rollback could not be promoted: another tool's snapshots of the same name are in the way. */
export async function unpromoted(home: Home): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const { volumes } of await records.listRetired(await attach(home))) {
    for (const volume of volumes) {
      const dataset = await clonedFromRetired(home, volume);
      if (dataset !== null) found.add(dataset.name);
    }
  }
  return [...found];
}

/** Destroys what of ended transactions holds nothing any more. Gives what it destroyed, or with `dry` would. */
export async function settleRetired(home: Home, dry = false): Promise<readonly string[]> {
  const layout = await attach(home);
  const settled: string[] = [];
  for (const record of await records.listRetired(layout)) {
    if (!dry) for (const volume of record.volumes) await promoteNew(home, volume);
    let left = 0;
    for (const name of await asideOf(home, record)) {
      const empty = dry ? await isEmpty(name) : await destroyEmpty(name);
      if (empty) settled.push(name);
      else left += 1;
    }
    if (left === 0 && !dry) await dropSettled(home, record);
  }
  return settled;
}

/** A retired plain directory goes with the last of its transaction. */
async function dropSettled(home: Home, record: TransactionRecord): Promise<void> {
  for (const volume of record.volumes) {
    if (volume.fsId === home.pool.guid && volume.old.kind === 'directory')
      await removeBeside(besidePath(home.layout, record.id, volume.pathInFs, 'old'));
  }
  await records.dropRetired(home.layout, record.id);
}

async function asideOf(home: Home, record: TransactionRecord): Promise<readonly string[]> {
  const found: string[] = [];
  for (const volume of record.volumes.filter(({ fsId }) => fsId === home.pool.guid)) {
    const { old, new: staged } = volume;
    if (old.kind === 'dataset')
      found.push(...(await asideBy(home, record, { which: 'old', guid: old.guid })));
    if (staged.kind !== 'dataset') continue;
    if (staged.guid === '') found.push(...(await stagedFor(home, record, volume)));
    else found.push(...(await asideBy(home, record, { which: 'new', guid: staged.guid })));
  }
  return found;
}

async function asideBy(
  home: Home,
  { id }: TransactionRecord,
  { which, guid }: { readonly which: 'old' | 'new'; readonly guid: string },
): Promise<readonly string[]> {
  const dataset = await datasetByGuid(guid, home.parent);
  return dataset !== null && isAside(dataset.name, id, which) ? [dataset.name] : [];
}

async function isEmpty(dataset: string): Promise<boolean> {
  return (await snapshotsOf(dataset)).length === 0;
}

/** Destroys a dataset that holds no snapshot; false when it does, or something has it mounted still. */
async function destroyEmpty(dataset: string): Promise<boolean> {
  if (!(await isEmpty(dataset))) return false;
  try {
    await destroy(dataset);
    return true;
  } catch (error) {
    if (error instanceof CowherdError && says(error, /is busy|has children|dependent clones/i))
      return false;
    throw error;
  }
}
