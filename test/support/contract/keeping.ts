import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { TransactionRecord } from '../../../src/model/transaction.ts';
import type { Placement } from '../../../src/storage/driver.ts';
import { writeMapped } from '../mapped.ts';
import type { DriverContract } from './filesystem.ts';
import {
  capturable,
  contractSuite,
  fresh,
  freshId,
  idsIn,
  published,
  reading,
  recordOf,
  refused,
  type Given,
} from './parts.ts';
import { fillTree, printOf } from './tree.ts';

/** What a store keeps: restore points, pins, records; and what it tells of its filesystem. */
export function keepingContract(contract: DriverContract): void {
  const test = contractSuite(contract, 'keeping');

  test('a restore point and its pin survive the process that made them', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('pinned'), fs.can.isolate);
    const pinOf = async (id: string) => {
      const points = await (await fs.open()).list((name) => name === id);
      return points.map(({ pinned, unpinned }) => [pinned, unpinned]);
    };
    const id = freshId();
    await published(store, [volume], { id });
    assert.equal(await pinOf(id), [[false, false]]);
    for (const pinned of [true, true, false, false, true, false]) {
      await store.setPinned(id, pinned);
      assert.equal(await pinOf(id), [[pinned, !pinned]]);
    }
    const born = freshId();
    await published(store, [volume], { id: born, pinned: true });
    assert.equal(await pinOf(born), [[true, false]]);
    assert.equal(await pinOf('agent@20000101T000000Z'), []);
  });

  let whole: Promise<Whole> | undefined;

  for (const [damage, cut] of [
    ['cut short', (file: string) => truncateSync(file, 100)],
    ['empty', (file: string) => truncateSync(file, 0)],
    ['of another id', (file: string) => swapId(file)],
    ['too large', (file: string) => appendFileSync(file, ' '.repeat(8 * 1024 * 1024))],
    ['no manifest at all', (file: string) => writeFileSync(file, '{"format":1}')],
  ] as const) {
    test(`a manifest that is ${damage} is told, not listed, and costs nothing`, async ({
      fs,
      store,
    }) => {
      whole ??= precious({ fs, store });
      const { volume, id: other } = await whole;
      const id = freshId();
      await published(store, [volume], { id });
      const stored = (await store.list()).find(({ manifest }) => manifest.id === id);
      assert.ok(stored);
      const location = stored.locations[stored.manifest.volumes[0]?.image ?? ''] ?? '';
      const directory = join(fs.storeDirectory, 'snapshots', id);
      cut(join(directory, 'manifest.json'));
      const reopened = await fs.open();
      assert.not.ok((await idsIn(reopened)).includes(id));
      assert.ok((await idsIn(reopened)).includes(other));
      assert.equal(await reopened.damaged(), [id]);
      assert.is(await reopened.has(id), true);
      const before = readdirSync(directory).sort();
      assert.equal(await reopened.collectLeftovers(), []);
      assert.equal(readdirSync(directory).sort(), before);
      const wordIn = (root: string) => readFileSync(join(root, 'word'), 'utf8');
      assert.is(await reading(reopened, location, wordIn), 'precious\n');
      await reopened.destroy(id);
      assert.equal(await reopened.damaged(), []);
    });
  }

  test('a record is there until it is dropped, whoever looks', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('record'), fs.can.isolate);
    const old = await store.treeAt(volume.pathInFs);
    assert.ok(old);
    const record = recordOf('1-2-abcdef', volume, { old, new: { kind: 'dataset', guid: '' } });
    await store.saveRecord(record);
    assert.equal(await (await fs.open()).records(), [record]);
    const next: TransactionRecord = { ...record, phase: 'swapped', safety: 'agent@x' };
    await store.saveRecord(next);
    await store.saveRecord(next);
    assert.equal(await (await fs.open()).records(), [next]);
    for (let round = 0; round < 2; round += 1) {
      await store.dropRecord(record.id);
      assert.equal(await (await fs.open()).records(), []);
    }
  });

  test('space, size and datasets are those of this filesystem', async ({ fs, store }) => {
    const { freeBytes, sizeBytes } = await store.space();
    assert.ok(freeBytes > 0 && freeBytes <= sizeBytes);
    assert.equal(await store.concerns(), []);
    assert.is(store.fsId, fs.fsId);
    assert.equal(store.capabilities, fs.driver.capabilities);
    const before = await store.datasets();
    const volume = await fs.volume(fresh('counted'), fs.can.isolate);
    await store.sync();
    const after = await store.datasets();
    assert.is(after.length, before.length + (fs.can.isolate ? 1 : 0));
    const paths = after.map(({ path }) => path);
    assert.is(paths.includes(volume.pathInFs), fs.can.isolate);
    assert.is(new Set(paths).size, after.length);
  });

  test('measure tells bytes allocated, not apparent, and entries', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('measured'), fs.can.isolate);
    writeFileSync(join(volume.mountpoint, 'big'), Buffer.alloc(3_000_000, 'x'));
    writeFileSync(join(volume.mountpoint, 'sparse'), '');
    truncateSync(join(volume.mountpoint, 'sparse'), 500_000_000);
    await store.sync();
    const { allocatedBytes, entries } = await store.measure(volume);
    assert.ok(allocatedBytes >= 2_900_000 && allocatedBytes < 10_000_000, String(allocatedBytes));
    assert.ok(entries >= 2 && entries <= 3, String(entries));
  });

  test('a transient image shows the volume and goes, also when its use fails', async ({
    fs,
    store,
  }) => {
    for (const isolated of fs.can.isolate ? [true, false] : [false]) {
      const volume = await fs.volume(fresh('transient'), isolated);
      await fillTree(volume.mountpoint, 'seen', fs.can);
      const before = await fs.objects();
      const live = await printOf(volume.mountpoint);
      assert.equal(await store.withImages([volume], async ([root = '']) => printOf(root)), live);
      const failing = store.withImages([volume], async () => Promise.reject(new Error('mine')));
      assert.is((await refused(failing, 'INTERNAL')).message, 'mine');
      assert.is(await fs.objects(), before);
    }
  });

  test('what a program that has ended changed in a mapping is in an image', async ({
    fs,
    store,
  }) => {
    for (const isolated of capturable(fs)) {
      const volume = await fs.volume(fresh('mapped'), isolated);
      const file = join(volume.mountpoint, 'word');
      writeFileSync(file, 'written'.padEnd(4096, '.'));
      await store.sync();
      await writeMapped(file, 'm');
      const capture = await store.capture([{ key: 'agent', volumes: [volume] }]);
      await capture.flush(true);
      await capture.take(new AbortController().signal);
      const [image] = await capture.finish('agent');
      await reading(store, capture.location('agent', image?.image ?? ''), (root) => {
        assert.is(readFileSync(join(root, 'word'), 'utf8').slice(0, 10), 'mmmmmmm...');
      });
      await capture.discard('agent');
      await capture.close();
    }
  });

  test('flags in a volume are counted, within limits', async ({ fs, store }) => {
    if (!fs.can.flags) return;
    const volume = await fs.volume(fresh('flags'), fs.can.isolate);
    const inspected = async (maxEntries: number) =>
      store.withImages([volume], async ([root = '']) =>
        store.inspect({ volume, root, maxEntries, timeoutMs: 10_000 }),
      );
    for (let index = 0; index < 50; index += 1)
      writeFileSync(join(volume.mountpoint, `f${String(index)}`), '');
    const none = { nocow: 0, immutable: 0, receivedGuid: null, truncated: false };
    assert.equal(await inspected(1000), none);
    assert.is((await inspected(10)).truncated, true);
  });

  test.run();
}

/** A volume with something in it, and a restore point of it. */
interface Whole {
  readonly volume: Placement;
  readonly id: string;
}

async function precious({ fs, store }: Given): Promise<Whole> {
  const volume = await fs.volume(fresh('damaged'), fs.can.isolate);
  writeFileSync(join(volume.mountpoint, 'word'), 'precious\n');
  const id = freshId();
  await published(store, [volume], { id });
  return { volume, id };
}

function swapId(file: string): void {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/"id": "[^"]+"/, '"id": "agent@20010101T000000Z"'));
}
