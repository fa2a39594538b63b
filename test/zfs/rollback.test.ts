import { randomBytes } from 'node:crypto';
import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { toCowherdError } from '../../src/model/errors.ts';
import { idsIn } from '../support/contract/parts.ts';
import { must } from '../support/lab/run.ts';
import { readMapped, writeMapped } from '../support/mapped.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { commit, rollBack, swapBack } from '../support/zfs/rollback.ts';
import { pointsOf, volumeOf, zfsSuite } from '../support/zfs/suite.ts';
import { filesystemsIn, say, snapshotsIn, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('rollback');

test('restore points newer than the target stay, and can be gone back to in turn', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'newer');
  const words = ['1', '2', '3', '4'];
  const ids = await pointsOf(given, volume, words);
  const expected: Record<string, string> = {};
  for (const [index, id] of ids.entries()) expected[id] = words[index] ?? '';
  say(volume, 'now');
  let before = 'now';
  for (const index of [1, 3, 0, 2]) {
    const safety = await rollBack(store, volume, ids[index] ?? '');
    expected[safety] = before;
    before = words[index] ?? '';
    assert.is(wordIn(volume.mountpoint), before);
    assert.equal(await idsIn(store), Object.keys(expected).sort());
  }
  assert.equal(await wordsOf(await given.fs.open(), volume), expected);
  for (const id of await idsIn(store)) await store.destroy(id);
  await store.collectLeftovers();
  assert.is(wordIn(volume.mountpoint), '3');
  assert.equal(await ownDatasets(given.test, volume.volume), [volume.dataset]);
  assert.equal([...(await snapshotsIn(given.test)).keys()], []);
});

test('what is written after a rollback is in the next restore point, on the same name', async (given) => {
  const { store, fs } = given;
  const volume = await volumeOf(given, 'after');
  const [one = ''] = await pointsOf(given, volume, ['1']);
  say(volume, '2');
  await rollBack(store, volume, one);
  const now = await fs.place(volume.volume);
  assert.is(now.dataset, volume.dataset);
  assert.is(now.reason, null);
  const [three = ''] = await pointsOf(given, now, ['3']);
  say(now, '4');
  await rollBack(store, now, three);
  assert.is(wordIn(now.mountpoint), '3');
  assert.is((await wordsOf(store, volume))[one], '1');
});

test('retired data stays while it holds what is kept, and goes with the last of it', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'retired');
  const [one = '', two = '', three = ''] = await pointsOf(given, volume, ['1', '2', '3']);
  const safety = await rollBack(store, volume, one);
  const count = async () => (await ownDatasets(host, volume.volume)).length;
  assert.is(await count(), 2);
  for (const gone of [safety, three]) {
    await store.destroy(gone);
    await store.collectLeftovers();
    assert.is(await count(), 2);
  }
  assert.equal(await wordsOf(store, volume), { [one]: '1', [two]: '2' });
  await store.destroy(two);
  await store.collectLeftovers();
  assert.is(await count(), 1);
  assert.equal(await wordsOf(store, volume), { [one]: '1' });
  await store.destroy(one);
});

test("retired data stays while another tool's snapshot is in it", async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'kept');
  const [one = ''] = await pointsOf(given, volume, ['1']);
  say(volume, '2');
  await zfs('snapshot', `${volume.dataset}@zrepl_9`);
  const safety = await rollBack(store, volume, one);
  await store.destroy(safety);
  await store.destroy(one);
  await store.collectLeftovers();
  const [foreign = ''] = [...(await snapshotsIn(host)).keys()].filter((name) =>
    name.endsWith('@zrepl_9'),
  );
  assert.match(foreign, /@/);
  await zfs('destroy', foreign);
  await store.collectLeftovers();
  assert.equal(await ownDatasets(host, volume.volume), [volume.dataset]);
  assert.is(wordIn(volume.mountpoint), '1');
});

test('a promotion that finds no room loses nothing, and is made when there is some', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'quota');
  const large = join(volume.mountpoint, 'large');
  writeFileSync(large, randomBytes(16 * 1024 ** 2));
  const [one = ''] = await pointsOf(given, volume, ['1']);
  unlinkSync(large);
  const [two = ''] = await pointsOf(given, volume, ['2']);
  say(volume, '3');
  const swapped = await swapBack(store, volume, two);
  // What it is charged with from then on is more than it may hold: the earlier snapshot's 16 MiB.
  await zfs('set', 'quota=8M', volume.dataset);
  const refused = await commit(store, swapped).catch(
    (error: unknown) => toCowherdError(error).code,
  );
  assert.is(refused, 'NO_SPACE');
  assert.is(wordIn(volume.mountpoint), '2');
  const expected = { [one]: '1', [two]: '2', [swapped.safety]: '3' };
  assert.equal(await wordsOf(store, volume), expected);
  assert.equal(
    (await store.records()).map(({ id, phase }) => [id, phase]),
    [[swapped.record.id, 'committed']],
  );
  await zfs('set', 'quota=none', volume.dataset);
  await commit(store, swapped);
  assert.equal(await store.records(), []);
  assert.equal(await wordsOf(store, volume), expected);
  assert.is(await zfs('get', '-Hp', '-o', 'value', 'origin', volume.dataset), '-');
});

test('a database that is read through a mapping is right before and after', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'mapped');
  const file = join(volume.mountpoint, 'mapped.db');
  const sql = async (text: string) =>
    must(['sqlite3', file, `pragma mmap_size=268435456; ${text}`]);
  const sum = 'select sum(n), count(*) from t; pragma integrity_check;';
  await sql('create table t(n, b); begin;');
  await sql(
    'with recursive c(n) as (values(1) union all select n+1 from c where n<2000) insert into t select n, zeroblob(500) from c;',
  );
  const then = await sql(sum);
  const [one = ''] = await pointsOf(given, volume, ['1']);
  await sql('update t set n=n+1, b=randomblob(700);');
  assert.not.equal(await sql(sum), then);
  await rollBack(store, volume, one);
  assert.is(await sql(sum), then);
  assert.ok(!existsSync(`${file}-journal`));
});

test('what programs change and see in mappings is that of the data in place', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'mapping');
  const file = join(volume.mountpoint, 'word');
  const [one = ''] = await pointsOf(given, volume, ['then'.padEnd(4096, '.')]);
  assert.is(await readMapped(file), 'then...');
  await writeMapped(file, 'm');
  const safety = await rollBack(store, volume, one);
  assert.is(await readMapped(file), 'then...');
  await rollBack(store, volume, safety);
  assert.is(await readMapped(file), 'mmmmmmm');
});

test.run();

/** Datasets that hold data of a volume, in place or set aside. */
async function ownDatasets(
  host: Parameters<typeof filesystemsIn>[0],
  volume: string,
): Promise<readonly string[]> {
  const names = [...(await filesystemsIn(host)).keys()];
  return names.filter((name) => name.endsWith(`/${volume}`) || name.endsWith(`:${volume}`));
}
