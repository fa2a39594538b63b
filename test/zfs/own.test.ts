import * as assert from 'uvu/assert';
import { freshId, published, refused } from '../support/contract/parts.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { commit, rollBack, swapBack } from '../support/zfs/rollback.ts';
import { pointsOf, volumeOf, zfsSuite, type ZfsGiven } from '../support/zfs/suite.ts';
import { holdsOf, imagesOf, snapshotsIn, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('what is not ours');

test('snapshots, holds and bookmarks of other tools stay through all that Cowherd does', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'foreign');
  const { dataset } = volume;
  const [first = ''] = await pointsOf(given, volume, ['one']);
  await zfs('snapshot', `${dataset}@cowherd-20200101T000000Z-deadbeef`);
  await zfs('snapshot', `${dataset}@zrepl_1`);
  await zfs('hold', 'zrepl', `${dataset}@zrepl_1`);
  await zfs('bookmark', `${dataset}@zrepl_1`, `${dataset}#zrepl_1`);
  await zfs('snapshot', `${host.dataRoot}@daily`);
  const foreign = await foreignIn(given);
  assert.is(foreign.size, 3);
  const [second = ''] = await pointsOf(given, volume, ['two']);
  for (const id of [first, second]) await rollBack(store, volume, id);
  await store.collectLeftovers();
  for (const id of Object.keys(await wordsOf(store, volume))) await store.destroy(id);
  await store.collectLeftovers();
  assert.equal(await wordsOf(store, volume), {});
  const after = await foreignIn(given);
  assert.equal([...after.keys()].sort(), [...foreign.keys()].sort());
  const held = [...after].find(([, name]) => name.endsWith('@zrepl_1'))?.[1] ?? '';
  assert.equal(await holdsOf(held), ['zrepl']);
  const bookmarks = await zfs('list', '-H', '-t', 'bookmark', '-o', 'name', '-r', host.pool.device);
  assert.match(bookmarks, /#zrepl_1$/m);
});

test('what another tool holds is refused and stays listed; the rest of a batch goes', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'held');
  const [one = '', two = '', three = ''] = await pointsOf(given, volume, ['1', '2', '3']);
  const { [two]: image = '' } = await imagesOf(store, volume);
  await zfs('hold', 'backup', image);
  const outcomes = await Promise.allSettled([one, two, three].map((id) => store.destroy(id)));
  assert.equal(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  await refused(store.destroy(two), 'IO_ERROR');
  assert.equal(await wordsOf(store, volume), { [two]: '2' });
  assert.equal(await store.damaged(), []);
  assert.equal(await store.leftovers(), []);
  await zfs('release', 'backup', image);
  await store.destroy(two);
  assert.equal(await wordsOf(store, volume), {});
});

test('what somebody has made a clone of is refused and stays listed', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'cloned');
  const [id = ''] = await pointsOf(given, volume, ['1']);
  const { [id]: image = '' } = await imagesOf(store, volume);
  const clone = `${host.dataRoot}/clone`;
  await zfs('clone', '-o', 'canmount=off', image, clone);
  await refused(store.destroy(id), 'IO_ERROR');
  assert.equal(await wordsOf(store, volume), { [id]: '1' });
  await zfs('destroy', clone);
  await store.destroy(id);
  assert.equal(await wordsOf(store, volume), {});
});

test('a pin is a hold, and goes with it', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'pinned');
  const id = freshId();
  await published(store, [volume], { id, pinned: true });
  const { [id]: image = '' } = await imagesOf(store, volume);
  assert.equal(await holdsOf(image), ['cowherd']);
  await store.setPinned(id, false);
  assert.equal(await holdsOf(image), []);
  await store.setPinned(id, true);
  await zfs('hold', 'backup', image);
  await refused(store.destroy(id), 'IO_ERROR');
  assert.equal(await holdsOf(image), ['backup', 'cowherd']);
  assert.is((await store.list()).find(({ manifest }) => manifest.id === id)?.pinned, true);
  await zfs('release', 'backup', image);
  await store.destroy(id);
  assert.equal(await wordsOf(store, volume), {});
});

test('snapshots that other tools take of the datasets around volumes are told', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'around');
  await pointsOf(given, volume, ['1']);
  await zfs('snapshot', `${host.dataRoot}@hourly`, `${volume.dataset}@hourly`);
  const around = (await store.foreignSnapshots([volume])).find(
    ({ dataset }) => dataset === host.dataRoot,
  );
  assert.ok(around?.snapshots.some((name) => name.endsWith('hourly')));
  assert.equal(around?.volumes, [volume.volume]);
});

test('a snapshot of one name on both sides of a promotion: nothing is lost', async (given) => {
  const { store } = given;
  const volume = await volumeOf(given, 'same');
  const { dataset } = volume;
  await zfs('snapshot', `${dataset}@daily`);
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  const swapped = await swapBack(store, volume, one);
  await zfs('snapshot', `${dataset}@daily`);
  const before = await guidsIn(given);
  const concerns = async () =>
    (await store.concerns())
      .filter(({ message }) => message.includes(dataset))
      .map(({ code }) => code);
  assert.equal(await concerns(), []);
  await commit(store, swapped);
  assert.equal(await concerns(), ['NOT_PROMOTED']);
  assert.equal(await guidsIn(given), before);
  assert.is(wordIn(volume.mountpoint), '1');
  assert.equal(await wordsOf(store, volume), { [one]: '1', [two]: '2', [swapped.safety]: '2' });
  await rollBack(store, volume, two);
  assert.is(wordIn(volume.mountpoint), '2');
  await store.collectLeftovers();
  const after = await guidsIn(given);
  assert.ok(before.every((guid) => after.includes(guid)));
  assert.is((await wordsOf(store, volume))[one], '1');
});

test.run();

/** Snapshots that no restore point of ours is made of, by guid. */
async function foreignIn(given: ZfsGiven): Promise<ReadonlyMap<string, string>> {
  const found = await snapshotsIn(given.test);
  const ours = (await given.store.list()).flatMap(({ locations }) => Object.values(locations));
  return new Map(
    Array.from(found, ([name, guid]) => [guid, name] as const).filter(
      ([, name]) => !ours.includes(name),
    ),
  );
}

async function guidsIn({ test: host }: ZfsGiven): Promise<readonly string[]> {
  return [...(await snapshotsIn(host)).values()].sort();
}
