import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Placement } from '../../src/storage/driver.ts';
import { fresh, refused } from '../support/contract/parts.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { makeIsolated } from '../support/zfs/pool.ts';
import { rollBack } from '../support/zfs/rollback.ts';
import { pointsOf, zfsSuite, type ZfsGiven } from '../support/zfs/suite.ts';
import { say, wordIn, wordsOf, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('native encryption');

test('an encrypted volume goes back and forth while its key is loaded', async (given) => {
  const { store, fs } = given;
  const volume = await encrypted(given);
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  const safety = await rollBack(store, volume, one);
  assert.is(wordIn(volume.mountpoint), '1');
  assert.equal(await wordsOf(store, volume), { [one]: '1', [two]: '2', [safety]: '2' });
  await lockAndUnlock(given, volume);
  assert.is(wordIn(volume.mountpoint), '1');
  await rollBack(store, await fs.place(volume.volume), two);
  assert.is(wordIn(volume.mountpoint), '2');
  assert.match(await zfs('get', '-H', '-o', 'value', 'encryption', volume.dataset), /^aes-/);
  for (const id of Object.keys(await wordsOf(store, volume))) await store.destroy(id);
  await store.collectLeftovers();
  await lockAndUnlock(given, volume);
  assert.is(wordIn(volume.mountpoint), '2');
});

test('without its key nothing is there to capture or to swap, and the reason is told', async (given) => {
  const { store, fs } = given;
  const volume = await encrypted(given);
  const [one = ''] = await pointsOf(given, volume, ['1']);
  await zfs('unmount', volume.dataset);
  await zfs('unload-key', volume.dataset);
  const now = await fs.place(volume.volume);
  assert.match(now.reason ?? '', /key/);
  assert.ok((await store.list()).some(({ manifest }) => manifest.id === one));
  assert.equal(await store.damaged(), []);
  await refused(wordsOf(store, volume), 'IO_ERROR', 'TOOL_FAILED');
  assert.match(now.notSwappable ?? '', /key/);
  assert.is(await store.treeAt(volume.pathInFs), null);
  assert.equal(readdirSync(volume.mountpoint), []);
  assert.throws(() => {
    say(volume, 'hidden');
  });
  await store.collectLeftovers();
  await zfs('load-key', volume.dataset);
  await zfs('mount', volume.dataset);
  assert.is(wordIn(volume.mountpoint), '1');
  assert.is((await wordsOf(store, volume))[one], '1');
  assert.is((await fs.place(volume.volume)).reason, null);
});

test('a volume below an encrypted parent stays below it', async (given) => {
  const { store, fs, test: host } = given;
  const above = `${host.parent}/sealed`;
  await zfs('create', '-o', 'mountpoint=none', ...(await keyOf(given)), above);
  const name = fresh('below');
  await makeIsolated({ ...host, datasetOf: () => `${above}/${name}` }, name);
  const volume = await fs.place(name);
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  for (const [id, word] of [
    [one, '1'],
    [two, '2'],
  ] as const) {
    await rollBack(store, volume, id);
    assert.is(wordIn(volume.mountpoint), word);
    assert.is(await zfs('get', '-H', '-o', 'value', 'encryptionroot', volume.dataset), above);
  }
});

test.run();

async function encrypted(given: ZfsGiven): Promise<Placement> {
  const name = fresh('sealed');
  await makeIsolated(given.test, name, await keyOf(given));
  return given.fs.place(name);
}

/** Options of `zfs create` for a key of its own. */
async function keyOf({ test: { paths } }: ZfsGiven): Promise<readonly string[]> {
  const file = join(paths.root, `${fresh('key')}.raw`);
  writeFileSync(file, randomBytes(32), { mode: 0o600 });
  return Promise.resolve([
    ...['-o', 'encryption=on', '-o', 'keyformat=raw', '-o', `keylocation=file://${file}`],
  ]);
}

/** What a boot does: no key, then all keys, then all mounts. */
async function lockAndUnlock({ test: { pool } }: ZfsGiven, volume: Placement): Promise<void> {
  await zfs('unmount', volume.dataset);
  const root = await zfs('get', '-H', '-o', 'value', 'encryptionroot', volume.dataset);
  for (const dataset of await mountedBelow(root)) await zfs('unmount', dataset);
  await zfs('unload-key', '-r', root);
  await zfs('load-key', '-r', pool.device);
  await zfs('mount', volume.dataset);
}

async function mountedBelow(root: string): Promise<readonly string[]> {
  const lines = (await zfs('list', '-H', '-o', 'name,mounted', '-r', root)).split('\n');
  return lines.flatMap((line) => (line.endsWith('\tyes') ? [line.split('\t')[0] ?? ''] : []));
}
