import { mkdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { Placement } from '../../src/storage/driver.ts';
import { fresh } from '../support/contract/parts.ts';
import { must } from '../support/lab/run.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { convert, rollBack } from '../support/zfs/rollback.ts';
import { pointsOf, zfsSuite, type ZfsGiven } from '../support/zfs/suite.ts';
import { say, wordIn, zfs } from '../support/zfs/tools.ts';

requireZfs();

const test = zfsSuite('properties');

const SET = [
  ...['compression=lz4', 'recordsize=16K', 'atime=off', 'copies=2', 'sync=disabled'],
  ...['snapdir=visible', 'logbias=throughput', 'primarycache=metadata', 'xattr=on'],
  ...['devices=off', 'exec=off', 'setuid=off', 'relatime=on'],
  ...['quota=700M', 'refquota=600M', 'reservation=300M', 'refreservation=200M'],
  ...['snapshot_limit=40', 'filesystem_limit=5'],
  'com.example:note=two words\tand a tab',
  'com.example:lines=one\ntwo\tthree\n\nfour',
  'com.example:empty=',
  'com.example:equals=a=b=c',
  'com.example:utf8=Grüße',
  `com.example:long=${'x'.repeat(4000)}`,
];

test('what is set, by itself and by users, is the same after a rollback', async (given) => {
  const volume = await given.fs.volume(fresh('set'), true);
  await zfs('set', ...SET, volume.dataset);
  await assertKept(given, volume);
});

test('a dataset that is read-only, and mounted by hand alone, is so afterwards', async (given) => {
  const volume = await given.fs.volume(fresh('readonly'), true);
  const [one = ''] = await pointsOf(given, volume, ['1']);
  say(volume, '2');
  await zfs('set', 'readonly=on', 'canmount=noauto', volume.dataset);
  const before = await propertiesOf(volume.dataset);
  await rollBack(given.store, volume, one);
  assert.equal(await propertiesOf(volume.dataset), before);
  assert.is(wordIn(volume.mountpoint), '1');
  assert.throws(() => {
    say(volume, '3');
  });
});

test('what is inherited stays inherited, the mount point too', async (given) => {
  const volume = await inherited(given);
  await assertKept(given, volume);
  await zfs('set', 'compression=gzip', given.test.dataRoot);
  const now = await zfs('get', '-H', '-o', 'value', 'compression', volume.dataset);
  assert.is(now, 'gzip');
});

test('what was received with a dataset has its values afterwards', async (given) => {
  const { fs, test: host } = given;
  const from = await fs.volume(fresh('sent'), true);
  await zfs('set', 'compression=zstd', 'com.example:from=afar', from.dataset);
  await zfs('snapshot', `${from.dataset}@sent`);
  const name = fresh('received');
  const data = host.dataOf(name);
  mkdirSync(data, { recursive: true });
  const receive = 'zfs send -p "$1" | zfs receive -o mountpoint="$2" -o cowherd:volume="$3" "$4"';
  await must(['sh', '-c', receive, 'sh', `${from.dataset}@sent`, data, name, host.datasetOf(name)]);
  const volume = await fs.place(name);
  const [one = ''] = await pointsOf(given, volume, ['1']);
  await rollBack(given.store, volume, one);
  const values = await zfs(
    'get',
    '-H',
    '-o',
    'value',
    'compression,com.example:from',
    volume.dataset,
  );
  assert.equal(values.split('\n'), ['zstd', 'afar']);
});

test('an adopted volume has what the dataset around it has, which is left as it was there and back', async (given) => {
  const { store, fs, test: host } = given;
  const set = ['compression=lz4', 'recordsize=16K', 'atime=off', 'exec=off', 'logbias=throughput'];
  await zfs('set', ...set, 'com.example:note=around', host.dataRoot);
  const plain = await fs.volume(fresh('plain'), false);
  say(plain, '1');
  const around = await propertiesOf(host.dataRoot);
  await convert(store, plain, 'dataset');
  const volume = await fs.place(plain.volume);
  assert.is(volume.isolated, true);
  assert.equal(await valuesOf(volume.dataset), await valuesOf(host.dataRoot));
  assert.equal(await propertiesOf(host.dataRoot), around);
  await convert(store, volume, 'directory');
  assert.is((await fs.place(plain.volume)).isolated, false);
  assert.equal(await propertiesOf(host.dataRoot), around);
  assert.is(wordIn(plain.mountpoint), '1');
});

test.run();

async function assertKept(given: ZfsGiven, volume: Placement): Promise<void> {
  const [one = '', two = ''] = await pointsOf(given, volume, ['1', '2']);
  const before = await propertiesOf(volume.dataset);
  await rollBack(given.store, volume, one);
  assert.is(wordIn(volume.mountpoint), '1');
  assert.equal(await propertiesOf(volume.dataset), before);
  await rollBack(given.store, volume, two);
  assert.is(wordIn(volume.mountpoint), '2');
  assert.equal(await propertiesOf(volume.dataset), before);
}

const OWN = new Set([
  ...['type', 'creation', 'createtxg', 'guid', 'objsetid', 'used', 'available', 'referenced'],
  ...['compressratio', 'refcompressratio', 'written', 'logicalused', 'logicalreferenced', 'origin'],
  ...['usedbysnapshots', 'usedbydataset', 'usedbychildren', 'usedbyrefreservation', 'clones'],
  ...['snapshot_count', 'filesystem_count'],
]);

/** Of what tells of a dataset's contents, or that Cowherd remembers on it. */
function isOwn(name: string): boolean {
  return OWN.has(name) || name.startsWith('cowherd:');
}

/** All that is set, inherited or a choice of a dataset, without what tells of its contents. */
async function propertiesOf(dataset: string): Promise<readonly string[]> {
  const lines = await zfs('get', '-Hp', '-o', 'property,value,source', 'all', dataset);
  const kept = lines.split('\n').filter((line) => !isOwn(line.split('\t')[0] ?? ''));
  return kept.sort();
}

/** What counts for files in it, wherever it was set. */
async function valuesOf(dataset: string): Promise<readonly string[]> {
  const lines = await propertiesOf(dataset);
  return lines
    .filter((line) => !line.startsWith('mountpoint\t'))
    .map((line) => line.split('\t').slice(0, 2).join('='));
}

/** A dataset of a volume that somebody made by hand where Docker keeps it: its mount point follows from its name. */
async function inherited({ fs, test: { dataRoot } }: ZfsGiven): Promise<Placement> {
  const name = fresh('inherited');
  const above = `${dataRoot}/volumes`;
  for (const dataset of [above, `${above}/${name}`])
    await zfs('create', '-o', 'canmount=off', dataset);
  await zfs('create', `${above}/${name}/_data`);
  return fs.place(name);
}
