import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SwapVolume, TransactionRecord } from '../../../src/model/transaction.ts';
import type { Placement, Store } from '../../../src/storage/driver.ts';
import { readMounts } from '../../../src/storage/mounts.ts';
import { placeVolume } from '../../../src/storage/placement.ts';
import { fresh, recordOf } from '../contract/parts.ts';
import { datasetAt } from './pool.ts';
import type { ZfsGiven } from './suite.ts';
import { imagesOf, zfs } from './tools.ts';

/** A dataset mounted outside the pool's own tree, over a directory that anybody may write to. */
export async function byHand(
  { test: host }: ZfsGiven,
  hidden: readonly string[] = [],
): Promise<Placement> {
  const name = fresh('by-hand');
  const mountpoint = join(host.paths.root, name);
  mkdirSync(mountpoint);
  for (const file of hidden) writeFileSync(join(mountpoint, file), 'hidden');
  await zfs('create', '-o', `mountpoint=${mountpoint}`, `${host.dataRoot}/${name}`);
  assert.is(datasetAt(mountpoint), `${host.dataRoot}/${name}`);
  return placeVolume({ name, mountpoint, unsupported: null }, { mounts: await readMounts() });
}

/** Where it lies now. */
export async function placed({ volume, mountpoint }: Placement): Promise<Placement> {
  return placeVolume(
    { name: volume, mountpoint, unsupported: null },
    { mounts: await readMounts() },
  );
}

export interface Staged {
  readonly record: TransactionRecord;
  readonly swap: SwapVolume;
}

/** A rollback up to before the stop. */
export async function staged(store: Store, volume: Placement, id: string): Promise<Staged> {
  const { [id]: location = '' } = await imagesOf(store, volume);
  const transaction = fresh('staged');
  const old = await store.treeAt(volume.pathInFs);
  assert.ok(old);
  const source = { from: 'image', location, nested: [] } as const;
  const tree = await store.stage({ transaction, volume, kind: 'dataset', source });
  const record = recordOf(transaction, volume, { old, new: tree });
  return { record, swap: record.volumes[0] as SwapVolume };
}
