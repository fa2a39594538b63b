import * as assert from 'uvu/assert';
import type { SwapVolume, TransactionRecord } from '../../../src/model/transaction.ts';
import type { Placement, Store } from '../../../src/storage/driver.ts';
import { fresh, freshId, published, recordOf } from '../contract/parts.ts';

/** A rollback that stands before its commit: the new data is in place, the safety snapshot is taken. */
export interface Swapped {
  readonly record: TransactionRecord;
  readonly swap: SwapVolume;
  readonly safety: string;
}

/** Stages a restore point's image of a volume, and swaps it in as the use-case does it. */
export async function swapBack(store: Store, volume: Placement, id: string): Promise<Swapped> {
  const point = (await store.list()).find(({ manifest }) => manifest.id === id);
  const recorded = point?.manifest.volumes.find(({ name }) => name === volume.volume);
  const location = point?.locations[recorded?.image ?? ''] ?? '';
  const transaction = fresh('rollback');
  const old = await store.treeAt(volume.pathInFs);
  assert.ok(old);
  const begun = recordOf(transaction, volume, { old, new: { kind: 'dataset', guid: '' } });
  await store.saveRecord({ ...begun, phase: 'preparing' });
  const source = { from: 'image', location, nested: [] } as const;
  const tree = await store.stage({ transaction, volume, kind: 'dataset', source });
  const safety = freshId();
  const record = { ...recordOf(transaction, volume, { old, new: tree }), safety };
  const [swap] = record.volumes as [SwapVolume];
  await store.saveRecord({ ...record, phase: 'stopping' });
  await store.prepareAside(record, swap);
  await published(store, [volume], { id: safety, safety: true });
  await store.retire(record, swap);
  await store.install(record, swap);
  await store.saveRecord({ ...record, phase: 'swapped' });
  return { record, swap, safety };
}

/** The commit of it. */
export async function commit(store: Store, { record }: Swapped): Promise<void> {
  await store.sync();
  const committed = { ...record, phase: 'committed' } as const;
  await store.saveRecord(committed);
  await store.keepRetired(committed);
}

/** A whole rollback; gives the id of its safety snapshot. */
export async function rollBack(store: Store, volume: Placement, id: string): Promise<string> {
  const swapped = await swapBack(store, volume, id);
  await commit(store, swapped);
  assert.equal(await store.records(), []);
  return swapped.safety;
}

/** Makes a plain volume a dataset of its own, or one that is a plain directory again. */
export async function convert(
  store: Store,
  volume: Placement,
  kind: 'dataset' | 'directory',
): Promise<void> {
  const transaction = fresh('convert');
  const old = await store.treeAt(volume.pathInFs);
  assert.ok(old);
  const source = { from: 'live' } as const;
  const tree = await store.stage({ transaction, volume, kind, source });
  const record = recordOf(transaction, volume, { old, new: tree });
  const [swap] = record.volumes as [SwapVolume];
  await store.prepareAside(record, swap);
  await store.retire(record, swap);
  await store.install(record, swap);
  await store.destroyOld(record, swap);
}
