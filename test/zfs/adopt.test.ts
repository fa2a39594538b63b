import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SwapVolume } from '../../src/model/transaction.ts';
import type { Placement, Store } from '../../src/storage/driver.ts';
import { fresh, recordOf, refused } from '../support/contract/parts.ts';
import { must } from '../support/lab/run.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { datasetAt } from '../support/zfs/pool.ts';
import { convert, rollBack } from '../support/zfs/rollback.ts';
import { pointsOf, volumeOf, zfsSuite } from '../support/zfs/suite.ts';
import { reimport, say, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('datasets and directories');

test('a volume that was made anew becomes a dataset again, and a boot mounts that one', async (given) => {
  const { store, fs } = given;
  const former = await volumeOf(given, 'newborn');
  const [one = '', two = ''] = await pointsOf(given, former, ['1', '2']);
  await makeAnew(former);
  const volume = await fs.place(former.volume);
  assert.is(volume.isolated, false);
  assert.equal(await wordsOf(store, volume), { [one]: '1', [two]: '2' });
  const tree = await goBack(store, volume, one);
  assert.is(wordIn(volume.mountpoint), '1');
  const now = await fs.place(former.volume);
  assert.is(now.isolated, true);
  assert.is(now.reason, null);
  assert.is(await zfs('get', '-H', '-o', 'value', 'guid', now.dataset), tree);
  assert.equal(await wordsOf(store, volume), { [one]: '1', [two]: '2' });
  for (let round = 0; round < 2; round += 1) {
    await reimport(given.test);
    assert.is(datasetAt(volume.mountpoint), now.dataset);
    assert.is(wordIn(volume.mountpoint), '1');
  }
});

test('a name that no dataset can have is adopted, captured and found again', async (given) => {
  const { store, fs } = given;
  for (const name of [`${'long-'.repeat(30)}name`, '_odd', 'a..b', 'x@y', 'Größe']) {
    const plain = await fs.volume(name, false);
    say(plain, '1');
    await convert(store, plain, 'dataset');
    const volume = await fs.place(name);
    assert.equal([volume.isolated, volume.reason, volume.nested], [true, null, []]);
    const [one = ''] = await pointsOf(given, volume, ['1', '2']);
    await rollBack(store, volume, one);
    assert.is(wordIn(volume.mountpoint), '1');
  }
});

test('a volume that has a dataset below its own, mounted or not, is captured and not swapped', async (given) => {
  const { store, fs, test: host } = given;
  const volume = await volumeOf(given, 'above');
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  const child = `${volume.dataset}/child`;
  const elsewhere = join(host.paths.root, 'elsewhere');
  await zfs('create', '-o', `mountpoint=${elsewhere}`, child);
  writeFileSync(join(elsewhere, 'word'), 'child');
  const now = await fs.place(volume.volume);
  assert.is(now.reason, null);
  assert.match(now.notSwappable ?? '', /child/);
  await pointsOf(given, now, ['3']);
  await zfs('unmount', child);
  const hint = /zfs rename/;
  assert.match((await refused(rollBack(store, volume, one), 'TIER_UNSUPPORTED')).hint ?? '', hint);
  await store.collectLeftovers();
  for (const record of await store.records()) {
    const [swap] = record.volumes as [SwapVolume];
    await store.destroyNew(record, swap);
    await store.dropRecord(record.id);
  }
  await zfs('mount', child);
  assert.is(datasetAt(elsewhere), child);
  assert.is(wordIn(elsewhere), 'child');
  assert.is(wordIn(volume.mountpoint), '3');
});

test('while a process works in it nothing is moved, and the old data stays in place', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'busy');
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  const child = spawn('sleep', ['600'], { cwd: volume.mountpoint, stdio: 'ignore' });
  try {
    await once(child, 'spawn');
    await refused(rollBack(store, volume, one), 'IO_ERROR', 'TOOL_FAILED');
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  for (const record of await store.records()) {
    const [swap] = record.volumes as [SwapVolume];
    await store.revert(record, swap);
    await store.destroyNew(record, swap);
    await store.dropRecord(record.id);
  }
  assert.is(wordIn(volume.mountpoint), '2');
  assert.is(datasetAt(volume.mountpoint), volume.dataset);
  await rollBack(store, volume, one);
  assert.is(wordIn(volume.mountpoint), '1');
});

test.run();

/** What `docker volume rm` and `docker volume create` leave where the dataset had been unmounted by hand. */
async function makeAnew({ dataset, mountpoint }: Placement): Promise<void> {
  await zfs('unmount', dataset);
  await must(['chattr', '-i', mountpoint]);
  rmdirSync(mountpoint);
  rmdirSync(dirname(mountpoint));
  mkdirSync(mountpoint, { recursive: true });
  writeFileSync(join(mountpoint, 'fresh'), 'fresh');
}

/** Puts an image in place of a plain directory; gives the guid of the new dataset. */
async function goBack(store: Store, volume: Placement, id: string): Promise<string> {
  const point = (await store.list()).find(({ manifest }) => manifest.id === id);
  const [location = ''] = Object.values(point?.locations ?? {});
  const transaction = fresh('newborn');
  const source = { from: 'image', location, nested: [] } as const;
  const old = await store.treeAt(volume.pathInFs);
  assert.ok(old);
  assert.is(old.kind, 'directory');
  const tree = await store.stage({ transaction, volume, kind: 'dataset', source });
  const record = recordOf(transaction, volume, { old, new: tree });
  const [swap] = record.volumes as [SwapVolume];
  await store.prepareAside(record, swap);
  await store.retire(record, swap);
  await store.install(record, swap);
  const committed = { ...record, safety: 'agent@20000101T000000Z', phase: 'committed' } as const;
  await store.saveRecord(committed);
  await store.keepRetired(committed);
  return tree.guid;
}
