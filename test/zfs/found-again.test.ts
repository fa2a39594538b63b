import { dirname } from 'node:path';
import * as assert from 'uvu/assert';
import { openStore } from '../support/contract/zfs.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { convert, rollBack, swapBack } from '../support/zfs/rollback.ts';
import { pointsOf, volumeOf, zfsSuite } from '../support/zfs/suite.ts';
import { forgetRuntime, reimport, say, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('found again');

test('restore points, pins and records are found after the runtime directory is lost', async (given) => {
  const { fs, store } = given;
  const volume = await volumeOf(given, 'lost');
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  await store.setPinned(one, true);
  const { record } = await swapBack(store, volume, one);
  const before = await store.list();
  await forgetRuntime(given.test);
  const again = await fs.open();
  assert.equal(sorted(await again.list()), sorted(before));
  assert.equal(
    (await again.records()).map(({ id }) => id),
    [record.id],
  );
  assert.is((await wordsOf(again, volume))[two], '2');
  const [swap] = record.volumes;
  assert.ok(swap);
  await again.revert(record, swap);
  await again.destroyNew(record, swap);
  await again.dropRecord(record.id);
  assert.is(wordIn(volume.mountpoint), '2');
});

test('restore points are found in a pool that was exported and imported', async (given) => {
  const { fs, store, test: host } = given;
  const volume = await volumeOf(given, 'moved');
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  const safety = await rollBack(store, volume, one);
  await reimport(host);
  const again = await fs.open();
  const words = await wordsOf(again, volume);
  assert.equal([words[one], words[two], words[safety]], ['1', '2', '2']);
  const now = await fs.place(volume.volume);
  assert.is(now.isolated, true);
  say(now, '3');
  await rollBack(again, now, two);
  assert.is(wordIn(now.mountpoint), '2');
});

test('restore points are found when their dataset was renamed', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'renamed');
  const [one = ''] = await pointsOf(given, volume, ['1']);
  await zfs('rename', volume.dataset, `${host.dataRoot}/elsewhere`);
  assert.is((await wordsOf(store, volume))[one], '1');
  await zfs('rename', `${host.dataRoot}/elsewhere`, volume.dataset);
});

test('what is adopted once another parent is configured goes below that, and the store stays', async (given) => {
  const { fs, store, test: host } = given;
  await pointsOf(given, await volumeOf(given, 'early'), ['1']);
  const plain = await fs.volume('late', false);
  say(plain, '1');
  const parent = `${dirname(host.dataRoot)}/other/agents`;
  const again = await openStore([host.runtimeDir, fs.fsId, parent]);
  await convert(again, plain, 'dataset');
  const volume = await fs.place(plain.volume);
  assert.ok(volume.dataset.startsWith(`${parent}/`), volume.dataset);
  assert.is(wordIn(volume.mountpoint), '1');
  assert.equal(sorted(await again.list()), sorted(await store.list()));
});

test('a restore point one of whose images is gone is told, not listed', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'gone');
  const [one = ''] = await pointsOf(given, volume, ['1']);
  const point = (await store.list()).find(({ manifest }) => manifest.id === one);
  await zfs('destroy', Object.values(point?.locations ?? {})[0] ?? '');
  assert.not.ok((await store.list()).some(({ manifest }) => manifest.id === one));
  assert.equal(await store.damaged(), [one]);
  assert.equal(await store.collectLeftovers(), []);
  await store.destroy(one);
  assert.equal(await store.damaged(), []);
});

test.run();

function sorted(points: Awaited<ReturnType<typeof wordsOf>>[] | readonly unknown[]) {
  return points.map((point) => JSON.stringify(point)).sort();
}
