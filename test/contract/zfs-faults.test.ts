import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as assert from 'uvu/assert';
import { zfsDriver } from '../../src/storage/zfs/store.ts';
import { captured, freshId, idsIn, published, refused } from '../support/contract/parts.ts';
import { must } from '../support/lab/run.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { rollBack } from '../support/zfs/rollback.ts';
import { pointsOf, volumeOf, zfsSuite, type ZfsGiven } from '../support/zfs/suite.ts';
import { exportPool, importPool, snapshotsIn, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('faults');

test('a pool that is full refuses what needs space, loses nothing, and can be pruned', async (given) => {
  const { store, fs } = given;
  const volume = await volumeOf(given, 'full');
  const plain = await fs.volume('full-plain', false);
  writeFileSync(join(plain.mountpoint, 'data'), Buffer.alloc(1_000_000, 'x'));
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  const free = await fillPool(given);
  const before = await idsIn(store);
  await refused(published(store, [volume], { id: freshId() }), 'NO_SPACE');
  const staged = { volume: plain, kind: 'dataset', source: { from: 'live' } } as const;
  await refused(store.stage({ transaction: 'full', ...staged }), 'NO_SPACE');
  assert.equal(await idsIn(store), before);
  assert.equal(await wordsOf(store, volume), { [one]: '1', [two]: '2' });
  await store.destroy(one);
  await free();
  await store.collectLeftovers();
  assert.equal(await store.damaged(), []);
  await rollBack(store, volume, two);
  assert.is(wordIn(volume.mountpoint), '2');
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
  const { fs, store, test: host } = given;
  const volume = await volumeOf(given, 'tools');
  const [one = ''] = await pointsOf(given, volume, ['1']);
  const older = join(host.paths.root, 'older');
  const usual = process.env['PATH'] ?? '';
  const real = await must(['sh', '-c', 'command -v zfs']);
  mkdirSync(older);
  const says = 'zfs-2.0.3-9\nzfs-kmod-2.0.3-9';
  const script = `#!/bin/sh\n[ "$1" = version ] && exec echo '${says}'\nexec ${real} "$@"\n`;
  writeFileSync(join(older, 'zfs'), script);
  chmodSync(join(older, 'zfs'), 0o755);
  try {
    process.env['PATH'] = [older, usual].join(delimiter);
    const { message, hint } = await refused(fs.open(), 'TOOL_MISSING');
    assert.match(message, /too old.*2\.0\.3/);
    assert.match(hint ?? '', /2\.1/);
    process.env['PATH'] = join(host.paths.root, 'nothing');
    assert.match((await refused(fs.open(), 'TOOL_MISSING')).hint ?? '', /zfsutils-linux/);
    assert.match((await fs.place(volume.volume)).reason ?? '', /zpool/);
    await refused(store.list(), 'TOOL_MISSING');
  } finally {
    process.env['PATH'] = usual;
  }
  assert.equal(await wordsOf(store, volume), { [one]: '1' });
});

test.run();

/** Reserves all that is left; gives what frees it again. */
async function fillPool({ test: { dataRoot } }: ZfsGiven): Promise<() => Promise<void>> {
  const dataset = `${dataRoot}/fill`;
  await zfs('create', '-o', 'canmount=off', dataset);
  const left = await zfs('get', '-Hp', '-o', 'value', 'available', dataset);
  await zfs('set', `reservation=${left}`, dataset);
  return async () => void (await zfs('destroy', dataset));
}
