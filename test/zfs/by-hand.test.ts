import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Mount } from '../../src/model/mountinfo.ts';
import type { SwapVolume } from '../../src/model/transaction.ts';
import { readMounts } from '../../src/storage/mounts.ts';
import { awaitedElsewhere } from '../../src/storage/placement.ts';
import { fresh, published, freshId, recordOf, refused } from '../support/contract/parts.ts';
import { must, run } from '../support/lab/run.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { byHand, placed, staged } from '../support/zfs/by-hand.ts';
import { commit, rollBack, swapBack } from '../support/zfs/rollback.ts';
import { pointsOf, volumeOf, zfsSuite } from '../support/zfs/suite.ts';
import { filesystemsIn, imagesOf, say, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('datasets that somebody made by hand');

test('one is rolled back again and again, and its restore points can be destroyed in any order', async (given) => {
  const { store, test: host } = given;
  const volume = await byHand(given);
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  const safety = await rollBack(store, volume, one);
  assert.is(wordIn(volume.mountpoint), '1');
  assert.equal(await wordsOf(store, volume), { [one]: '1', [two]: '2', [safety]: '2' });
  for (const id of [one, two, safety]) await store.destroy(id);
  await store.collectLeftovers();
  assert.equal(await wordsOf(store, volume), {});
  const left = [...(await filesystemsIn(host)).keys()].filter((name) =>
    /\/cowherd-(old|new)-/.test(name),
  );
  assert.equal(left, []);
  assert.is(wordIn(volume.mountpoint), '1');
});

test('the directory below it cannot be written while it is set aside, and a swap turns back there', async (given) => {
  const { store } = given;
  const volume = await byHand(given);
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  for (const sealed of [true, false]) {
    const { record, swap } = await staged(store, volume, one);
    await store.prepareAside(record, swap);
    await store.retire(record, swap);
    const written = await run(['touch', join(volume.mountpoint, 'lost')]);
    assert.is.not(written.exitCode, 0);
    if (!sealed) await must(['chattr', '-i', volume.mountpoint]);
    assert.is(await store.inPlace(swap), 'none');
    await store.revert(record, swap);
    await store.destroyNew(record, swap);
    assert.is(await store.inPlace(swap), 'old');
    assert.is(wordIn(volume.mountpoint), '2');
  }
});

test('what lies hidden below it is told before anything is moved', async (given) => {
  const { store } = given;
  const volume = await byHand(given, ['hidden']);
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  const { record, swap } = await staged(store, volume, one);
  const { message } = await refused(store.prepareAside(record, swap), 'TIER_UNSUPPORTED');
  assert.match(message, /not empty below/);
  await store.destroyNew(record, swap);
  assert.is(wordIn(volume.mountpoint), '2');
});

test('not mounted, it is no empty volume of the filesystem around it; set aside, its pool is known', async (given) => {
  const { store } = given;
  const volume = await byHand(given);
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  await zfs('unmount', volume.dataset);
  const unmounted = await placed(volume);
  assert.equal([unmounted.fsId, unmounted.dataset], [volume.fsId, volume.dataset]);
  assert.match(unmounted.reason ?? '', /is not mounted/);
  await zfs('mount', volume.dataset);
  assert.is((await placed(volume)).reason, null);
  const { record, swap } = await staged(store, volume, one);
  await store.prepareAside(record, swap);
  await store.retire(record, swap);
  const aside = await placed(volume);
  assert.is.not(aside.filesystem, 'zfs');
  assert.equal(await awaitedElsewhere([aside], await readMounts()), [volume.fsId]);
  await store.revert(record, swap);
  await store.destroyNew(record, swap);
  assert.equal(await awaitedElsewhere([await placed(volume)], await readMounts()), []);
});

test('new data that belongs there and is not mounted is waited for, not given up', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'waiting');
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  const swapped = await swapBack(store, volume, one);
  assert.is(await store.inPlace(swapped.swap), 'new');
  await zfs('unmount', volume.dataset);
  assert.is(await store.inPlace(swapped.swap), 'unmounted');
  await store.install(swapped.record, swapped.swap);
  assert.is(await store.inPlace(swapped.swap), 'new');
  await commit(store, swapped);
  assert.is(wordIn(volume.mountpoint), '1');
});

test('a zvol below it is told before anything is moved', async (given) => {
  const { store } = given;
  const volume = await byHand(given);
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  await zfs('create', '-s', '-V', '16M', `${volume.dataset}/disk`);
  const { record, swap } = await staged(store, volume, one);
  const { message } = await refused(store.prepareAside(record, swap), 'TIER_UNSUPPORTED');
  assert.match(message, /disk/);
  await store.destroyNew(record, swap);
  assert.is(wordIn(volume.mountpoint), '2');
  await zfs('destroy', `${volume.dataset}/disk`);
});

test('a bookmark of another tool keeps the retired data that it is on', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'marked');
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  await zfs('snapshot', `${volume.dataset}@cursor`);
  await zfs('bookmark', `${volume.dataset}@cursor`, `${volume.dataset}#cursor`);
  await zfs('destroy', `${volume.dataset}@cursor`);
  const safety = await rollBack(store, volume, one);
  for (const id of [two, safety, one]) await store.destroy(id);
  await store.collectLeftovers();
  const bookmarks = await zfs('list', '-H', '-t', 'bookmark', '-o', 'name', '-r', host.pool.device);
  assert.match(bookmarks, /#cursor$/m);
});

test('a replica in the same pool is never taken for the original', async (given) => {
  const { store, test: host } = given;
  const volume = await byHand(given);
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  const { [two]: image = '' } = await imagesOf(store, volume);
  const replica = `${host.dataRoot}/zz-replica`;
  await must(['sh', '-c', `zfs send -Rp ${image} | zfs receive -u -x mountpoint ${replica}`]);
  await rollBack(store, volume, one);
  // The restore point that is newer lies with the retired data now, neither where it was taken nor below the parent.
  for (const location of Object.values(await imagesOf(store, volume)))
    assert.not.match(location, /replica/);
  for (const id of Object.keys(await wordsOf(store, volume))) await store.destroy(id);
  const left = await zfs('list', '-H', '-t', 'snapshot', '-o', 'name', '-r', replica);
  assert.is(left.split('\n').filter(Boolean).length, 2);
});

test('two restore points never share a snapshot', async (given) => {
  const { store } = given;
  const volume = await byHand(given);
  const sets = ['alpha', 'beta'].map((key) => ({ key, volumes: [volume] }));
  await refused(store.capture(sets), 'TIER_UNSUPPORTED');
  const id = freshId();
  await published(store, [volume, { ...volume, volume: 'again' }], { id });
  await store.destroy(id);
});

test('old data comes back also where the pool is too full for what it reserves', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'reserving');
  const [one = ''] = await pointsOf(given, volume, ['1', '2']);
  await zfs('set', 'refreservation=300M', volume.dataset);
  const { record, swap } = await staged(store, volume, one);
  for (const step of ['prepareAside', 'retire', 'install'] as const)
    await store[step](record, swap);
  const filler = `${host.dataRoot}/filler`;
  await zfs('create', '-o', 'canmount=off', filler);
  const free = await zfs('get', '-Hp', '-o', 'value', 'available', filler);
  await zfs('set', `reservation=${free}`, filler);
  await zfs('set', 'refreservation=none', volume.dataset);
  await zfs('set', `reservation=${String(Number(free) + 250 * 1024 ** 2)}`, filler);
  await store.revert(record, swap);
  assert.is(wordIn(volume.mountpoint), '2');
  await zfs('destroy', filler);
  await store.destroyNew(record, swap);
  const reserved = await zfs('get', '-Hp', '-o', 'value', 'refreservation', volume.dataset);
  assert.is(reserved, String(300 * 1024 ** 2));
  // What an earlier transaction remembered is not set again by one that moved nothing.
  await zfs('set', 'refreservation=100M', volume.dataset);
  const later = await staged(store, volume, one);
  await store.destroyNew({ ...later.record, phase: 'stopping' }, later.swap);
  const kept = await zfs('get', '-Hp', '-o', 'value', 'refreservation', volume.dataset);
  assert.is(kept, String(100 * 1024 ** 2));
});

test('a copy that another tool snapshot while it was made goes when that snapshot does', async (given) => {
  const { store, fs, test: host } = given;
  const plain = await fs.volume(fresh('copied'), false);
  say(plain, '1');
  const old = await store.treeAt(plain.pathInFs);
  assert.ok(old);
  const transaction = fresh('cut');
  const source = { from: 'live' } as const;
  await store.stage({ transaction, volume: plain, kind: 'dataset', source });
  const [name = ''] = [...(await filesystemsIn(host)).keys()].filter((one) =>
    one.includes(transaction),
  );
  await zfs('snapshot', `${name}@hourly`);
  const record = recordOf(transaction, plain, { old, new: { kind: 'dataset', guid: '' } });
  await store.saveRecord(record);
  await store.destroyNew(record, record.volumes[0] as SwapVolume);
  await store.dropRecord(record.id);
  await store.collectLeftovers();
  assert.ok((await filesystemsIn(host)).has(name));
  await zfs('destroy', `${name}@hourly`);
  await store.collectLeftovers();
  assert.not.ok((await filesystemsIn(host)).has(name));
});

test('which mounts of containers show what was moved away', async (given) => {
  const { store } = given;
  const isolated = await volumeOf(given, 'mounts');
  const plain = await given.fs.volume(fresh('mounts'), false);
  for (const [volume, covered] of [
    [isolated, true],
    [plain, false],
  ] as const) {
    const old = await store.treeAt(volume.pathInFs);
    assert.ok(old);
    const record = recordOf('1-1-abc', volume, { old, new: { kind: 'dataset', guid: '' } });
    const moved = await store.movedMounts(record);
    const around = (await readMounts()).findLast(({ mountPoint }) =>
      dirname(volume.mountpoint).startsWith(mountPoint),
    );
    assert.ok(around);
    const root = volume.mountpoint.slice(around.mountPoint.length);
    const mount = (over: Partial<Mount>) => moved({ ...around, root, ...over });
    assert.is(mount({}), covered);
    assert.is(mount({ root: `${root}//deleted` }), true);
    assert.is(mount({ root: `${root}-other` }), false);
    assert.is(mount({ source: 'tank/other/cowherd-old-1-1-abc:x', root: '/' }), true);
  }
});

test.run();
