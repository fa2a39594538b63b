import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Placement, StageSource, Store } from '../../../src/storage/driver.ts';
import type { TransactionRecord, Tree } from '../../../src/model/transaction.ts';
import type { DriverContract } from './filesystem.ts';
import {
  capturable,
  contractSuite,
  fresh,
  freshId,
  published,
  recordOf,
  refused,
} from './parts.ts';
import { must } from '../lab/run.ts';
import { fillTree, printOf } from './tree.ts';

/** New data is a faithful copy of its source, whatever the kinds; and what is never installed goes without a trace. */
export function stagingContract(contract: DriverContract): void {
  const test = contractSuite(contract, 'staging');

  for (const isolated of [true, false]) {
    for (const kind of ['dataset', 'directory'] as const) {
      for (const from of ['live', 'image'] as const) {
        const title = `${isolated ? 'an isolated' : 'a plain'} volume becomes a ${kind}, from its ${from}`;
        test(title, async ({ fs, store }) => {
          if (!fs.can.isolate && (isolated || kind === 'dataset')) return;
          if (from === 'image' && !capturable(fs).includes(isolated)) return;
          const volume = await fs.volume(fresh('staged'), isolated);
          await fillTree(volume.mountpoint, 'word', fs.can);
          const objects = await fs.objects();
          const before = await printOf(volume.mountpoint);
          const { source, id } = await sourceOf(store, volume, from);
          if (from === 'image') writeFileSync(join(volume.mountpoint, 'word'), 'later');
          const live = await printOf(volume.mountpoint);
          const old = await store.treeAt(volume.pathInFs);
          assert.equal(old?.kind, isolated ? 'dataset' : 'directory');
          const transaction = fresh('stage');
          const tree = await store.stage({ transaction, volume, kind, source });
          assert.is(tree.kind, kind);
          assert.not.equal(tree, old);
          assert.equal(await store.treeAt(volume.pathInFs), old);
          assert.equal(await printOf(volume.mountpoint), live);
          const safety = id === null ? null : freshId();
          const trees = { old: old as Tree, new: tree };
          const record = { ...recordOf(transaction, volume, trees), safety };
          const swap = record.volumes[0]!;
          assert.is(await store.inPlace(swap), 'old');
          if (safety !== null) await published(store, [volume], { id: safety, safety: true });
          await store.prepareAside(record, swap);
          await store.retire(record, swap);
          assert.is(await store.inPlace(swap), 'none');
          await store.install(record, swap);
          assert.is(await store.inPlace(swap), 'new');
          assert.equal(await store.treeAt(volume.pathInFs), tree);
          assert.equal(await printOf(volume.mountpoint), before);
          assert.is((await fs.place(volume.volume)).isolated, kind === 'dataset');
          writeFileSync(join(volume.mountpoint, 'new'), 'it can be written to');
          await settled(store, record, id);
          assert.is(await store.inPlace(swap), 'new');
          assert.ok(existsSync(join(volume.mountpoint, 'new')));
          const wanted = objects + Number(kind === 'dataset') - Number(isolated);
          assert.is(await fs.objects(), wanted);
        });
      }
    }
  }

  test('what was staged and never installed goes, again and again', async ({ fs, store }) => {
    for (const kind of ['dataset', 'directory'] as const) {
      if (kind === 'dataset' && !fs.can.isolate) continue;
      const volume = await fs.volume(fresh('dropped'), fs.can.isolate);
      await fillTree(volume.mountpoint, 'word', fs.can);
      const before = await printOf(volume.mountpoint);
      const datasets = await fs.objects();
      const transaction = fresh('stage');
      const old = await store.treeAt(volume.pathInFs);
      const tree = await store.stage({ transaction, volume, kind, source: { from: 'live' } });
      // A run that was killed while staging did not come to know the tree.
      const record = recordOf(transaction, volume, { old: old as Tree, new: { kind, guid: '' } });
      const swap = record.volumes[0]!;
      assert.is(tree.kind, kind);
      for (let round = 0; round < 2; round += 1) {
        await store.revert(record, swap);
        await store.destroyNew(record, swap);
        await store.destroyOld(record, swap);
      }
      assert.is(await store.inPlace(swap), 'old');
      assert.equal(await printOf(volume.mountpoint), before);
      assert.is(await fs.objects(), datasets);
    }
  });

  test('inode flags are carried over, and keep nothing from being destroyed', async ({
    fs,
    store,
  }) => {
    if (!fs.can.flags) return;
    const volume = await fs.volume(fresh('flagged'), false);
    const at = (name: string) => join(volume.mountpoint, name);
    await must(['mkdir', at('nocow'), at('locked')]);
    if (fs.can.nocow) await must(['chattr', '+C', at('nocow')]);
    for (const file of ['nocow/data', 'locked/log', 'locked/fixed'])
      writeFileSync(at(file), 'flagged');
    await must(['chattr', '+a', at('locked/log')]);
    await must(['chattr', '+i', at('locked/fixed'), at('locked')]);
    const before = await printOf(volume.mountpoint);
    const kinds = fs.can.isolate ? (['dataset', 'directory'] as const) : (['directory'] as const);
    for (const kind of kinds) {
      const place = await fs.place(volume.volume);
      const old = await store.treeAt(place.pathInFs);
      const transaction = fresh('flags');
      const source = { from: 'live' } as const;
      const tree = await store.stage({ transaction, volume: place, kind, source });
      const record = recordOf(transaction, place, { old: old as Tree, new: tree });
      const swap = record.volumes[0]!;
      await store.prepareAside(record, swap);
      await store.retire(record, swap);
      await store.install(record, swap);
      assert.equal(await printOf(volume.mountpoint), before);
      await store.destroyOld(record, swap);
      assert.is(await store.inPlace(swap), 'new');
    }
    const place = await fs.place(volume.volume);
    const { nocow, immutable } = await store.withImages([place], async ([root = '']) =>
      store.inspect({ volume: place, root, maxEntries: 1000, timeoutMs: 10_000 }),
    );
    assert.equal({ nocow, immutable }, { nocow: fs.can.nocow ? 2 : 0, immutable: 3 });
    await must(['chattr', '-R', '-i', '-a', at('locked')]);
  });

  test('a source that is not there is refused, and nothing of it stays', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('sourceless'), fs.can.isolate);
    const old = await store.treeAt(volume.pathInFs);
    const datasets = await fs.objects();
    for (const kind of ['dataset', 'directory'] as const) {
      if (kind === 'dataset' && !fs.can.isolate) continue;
      const transaction = fresh('nothing');
      const location = `${fs.scratch}/nothing`;
      const source = { from: 'image', location, nested: [] } as const;
      const staging = store.stage({ transaction, volume, kind, source });
      await refused(staging, 'TOOL_FAILED', 'IO_ERROR', 'ARCHIVE_DAMAGED');
      const record = recordOf(transaction, volume, { old: old as Tree, new: { kind, guid: '' } });
      await store.destroyNew(record, record.volumes[0]!);
    }
    assert.is(await fs.objects(), datasets);
    assert.equal(await store.treeAt(volume.pathInFs), old);
  });

  test.run();
}

/** Where `stage` takes a volume's data from, and the restore point that it is in. */
async function sourceOf(
  store: Store,
  volume: Placement,
  from: StageSource['from'],
): Promise<{ readonly source: StageSource; readonly id: string | null }> {
  if (from === 'live') return { source: { from }, id: null };
  const id = freshId();
  await published(store, [volume], { id });
  const point = (await store.list()).find(({ manifest }) => manifest.id === id);
  const [location = ''] = Object.values(point?.locations ?? {});
  return { source: { from, location, nested: [] }, id };
}

/** Ends a transaction on its new data, as a rollback to the restore point where there is one, and lets go of all it kept. */
async function settled(store: Store, record: TransactionRecord, id: string | null): Promise<void> {
  const { safety, volumes } = record;
  if (safety === null || id === null) {
    for (let round = 0; round < 2; round += 1)
      for (const swap of volumes) await store.destroyOld(record, swap);
    return;
  }
  const committed = { ...record, phase: 'committed' } as const;
  await store.saveRecord(committed);
  for (let round = 0; round < 2; round += 1) await store.keepRetired(committed);
  for (const gone of [safety, id]) await store.destroy(gone);
  assert.equal(await store.leftovers(), []);
}
