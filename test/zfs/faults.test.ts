import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SwapVolume } from '../../src/model/transaction.ts';
import type { Store } from '../../src/storage/driver.ts';
import { zfsDriver } from '../../src/storage/zfs/store.ts';
import { captured, freshId, published, refused } from '../support/contract/parts.ts';
import { must } from '../support/lab/run.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { poolObjects } from '../support/zfs/pool.ts';
import { rollBack } from '../support/zfs/rollback.ts';
import { pointsOf, volumeOf, zfsSuite, type ZfsGiven } from '../support/zfs/suite.ts';
import { exportPool, importPool, snapshotsIn, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('faults');

test('a full pool refuses what needs space; restore points can be read, pinned and pruned', async (given) => {
  const { store, fs } = given;
  const volume = await volumeOf(given, 'full');
  const plain = await fs.volume('full-plain', false);
  writeFileSync(join(plain.mountpoint, 'data'), Buffer.alloc(1_000_000, 'x'));
  const [one = '', two = '', three = ''] = await pointsOf(given, volume, ['1', '2', '3']);
  const before = await poolObjects(given.test);
  const free = await fillPool(given);
  try {
    assert.throws(() => {
      writeFileSync(join(plain.mountpoint, 'more'), Buffer.alloc(1_000_000, 'x'));
    }, /ENOSPC/);
    const source = { from: 'live' } as const;
    for (const refusal of [
      async () => store.stage({ transaction: 'full', volume: plain, kind: 'dataset', source }),
      async () => published(store, [volume], { id: freshId() }),
      async () => rollBack(store, volume, one),
    ])
      assert.ok((await refused(refusal(), 'NO_SPACE')).hint);
    await dropRecords(store);
    await store.setPinned(one, true);
    await store.destroy(two);
    assert.equal(await wordsOf(store, volume), { [one]: '1', [three]: '3' });
    assert.equal(await store.damaged(), []);
    assert.is((await poolObjects(given.test)).length, before.length); // one less, and `fill`
  } finally {
    await free();
  }
  await rollBack(store, volume, one);
  assert.is(wordIn(volume.mountpoint), '1');
});

test('a restore point can be destroyed where not even a rename finds space', async (given) => {
  const { store, test: host } = given;
  const volume = await volumeOf(given, 'fuller');
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  await zfs('set', 'refreservation=none', `${host.parent}/.cowherd`);
  const free = await fillPool(given);
  try {
    const error = await refused(published(store, [volume], { id: freshId() }), 'NO_SPACE');
    assert.ok(error.hint);
    await store.destroy(one);
  } finally {
    await free();
    await zfs('set', 'refreservation=64M', `${host.parent}/.cowherd`);
  }
  await store.collectLeftovers();
  assert.equal(await store.damaged(), []);
  assert.equal(await wordsOf(store, volume), { [two]: '2' });
});

test('a pool that was exported is an error, not an empty list, and nothing is written in its place', async (given) => {
  const { store, fs } = given;
  const volume = await volumeOf(given, 'exported');
  const [one = ''] = await pointsOf(given, volume, ['1']);
  await exportPool(given.test);
  const runs = [
    () => store.list(),
    () => store.damaged(),
    () => store.records(),
    () => store.has(one),
    () => store.destroy(one),
    () => store.setPinned(one, true),
    () => store.collectLeftovers(),
    () => captured(store, [volume]),
    () => fs.open(),
  ];
  for (const run of runs) {
    const { message, hint } = await refused(run(), 'IO_ERROR');
    assert.match(message, /is not imported|no such pool/);
    assert.ok(hint);
  }
  assert.equal(readdirSync(fs.storeDirectory), []);
  await importPool(given.test);
  assert.equal(await wordsOf(store, volume), { [one]: '1' });
});

test('a snapshot that another tool gave our name is not ours to remove', async (given) => {
  const { store, fs, test: host } = given;
  const free = await volumeOf(given, 'free');
  const taken = await volumeOf(given, 'taken');
  const now = new Date('2026-01-02T03:04:05Z');
  const parentIn = () => Promise.resolve(host.parent);
  const options = { runtimeDir: host.runtimeDir, parentIn, now: () => now, random: () => 'cafe' };
  const named = await zfsDriver(options).open(fs.fsId);
  const name = `${taken.dataset}@cowherd-20260102T030405Z-cafe`;
  await zfs('snapshot', name);
  const before = await snapshotsIn(host);
  const capture = await named.capture([{ key: 'agent', volumes: [free, taken] }]);
  await refused(capture.take(new AbortController().signal), 'TOOL_FAILED', 'IO_ERROR');
  await capture.discard('agent');
  await capture.close();
  assert.equal(await snapshotsIn(host), before);
  assert.ok(before.has(name));
  await published(store, [free, taken], { id: freshId() });
});

test('tools that are missing, or older than 2.1, are told before anything is done', async (given) => {
  const { test: host } = given;
  const volume = await volumeOf(given, 'tools');
  const [one = ''] = await pointsOf(given, volume, ['1']);
  const [older, missing] = ['older', 'missing'].map((name) => join(host.paths.root, name));
  assert.ok(older !== undefined && missing !== undefined);
  mkdirSync(older);
  const version = 'zfs-2.0.3-9\\nzfs-kmod-2.0.3-9\\n';
  writeFileSync(join(older, 'zfs'), `#!/bin/sh\nprintf '${version}'\n`, { mode: 0o755 });
  const old = await openedWith(given, older);
  assert.equal([old.code, /too old.*2\.0\.3/.test(old.message)], ['TOOL_MISSING', true]);
  assert.match(old.hint, /2\.1/);
  mkdirSync(missing);
  for (const tool of ['zfs', 'zpool']) await must(['mknod', join(missing, tool), 'c', '0', '0']);
  const none = await openedWith(given, missing);
  assert.is(none.code, 'TOOL_MISSING');
  assert.match(none.hint, /zfsutils-linux/);
  assert.equal(await wordsOf(given.store, volume), { [one]: '1' });
});

test.run();

/** How a process fails to open the store in whose /usr/sbin these files lie over the host's; a whiteout (0:0) hides one. */
async function openedWith({ fs }: ZfsGiven, over: string): Promise<Refusal> {
  const { module, reach } = fs.entry;
  const program = `
    const { openStore } = await import(${JSON.stringify(module)});
    const error = await openStore(${JSON.stringify(reach)}).then(() => ({}), (error) => error);
    const { code, message, hint } = error;
    console.log(JSON.stringify({ code, message, hint }));`;
  const mount =
    'mount -t overlay -o "lowerdir=$1:/usr/sbin" overlay /usr/sbin && shift && exec "$@"';
  const inside = ['sh', '-c', mount, 'sh', over];
  const node = [process.execPath, '--input-type=module', '-e', program];
  const argv = ['unshare', '--mount', '--propagation', 'private', ...inside, ...node];
  return JSON.parse(await must(argv)) as Refusal;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** As a recovery ends a transaction that has moved nothing. */
async function dropRecords(store: Store): Promise<void> {
  for (const record of await store.records()) {
    const [swap] = record.volumes as [SwapVolume];
    await store.destroyNew(record, swap);
    await store.dropRecord(record.id);
  }
}

/** Reserves all that is left; gives what frees it again. */
async function fillPool({ test: { dataRoot } }: ZfsGiven): Promise<() => Promise<void>> {
  const dataset = `${dataRoot}/fill`;
  await zfs('create', '-o', 'canmount=off', dataset);
  const left = await zfs('get', '-Hp', '-o', 'value', 'available', dataset);
  await zfs('set', `reservation=${left}`, dataset);
  return async () => {
    await zfs('destroy', dataset);
  };
}
