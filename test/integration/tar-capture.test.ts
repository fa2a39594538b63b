import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Placement } from '../../src/storage/driver.ts';
import type { ContractFilesystem } from '../support/contract/filesystem.ts';
import {
  captured,
  contractSuite,
  fresh,
  freshId,
  idsIn,
  manifestOf,
  published,
  reading,
} from '../support/contract/parts.ts';
import { makePlain } from '../support/contract/plain.ts';
import { printOf } from '../support/contract/tree.ts';
import { deepTree } from '../support/deep-tree.ts';
import { requireLab } from '../support/lab/available.ts';

requireLab();

const test = contractSuite(
  { name: 'ext4', makeFilesystem: async () => makePlain('ext4') },
  'copies and archives',
);
const never = new AbortController().signal;
const archives = (fs: ContractFilesystem) => readdirSync(join(fs.storeDirectory, 'archives'));

/** Where the copy of a volume is. */
function copyOf(fs: ContractFilesystem, { volume }: Placement): string {
  const staging = join(fs.storeDirectory, 'staging');
  const name = readdirSync(staging).find((one) => one.startsWith(`${volume}.`));
  assert.ok(name, `no copy of ${volume}`);
  return join(staging, name);
}

function filled({ mountpoint }: Placement): (name: string) => string {
  const at = (name: string): string => join(mountpoint, name);
  for (const path of ['gone/a/b', 'moved/a', 'file', 'link'])
    mkdirSync(at(path), { recursive: true });
  for (const path of ['gone/x', 'gone/a/y', 'gone/a/b/z', 'moved/a/y', 'file/x', 'changing'])
    writeFileSync(at(path), path);
  return at;
}

test('whole directories that go, move or become something else after the preparation', async ({
  fs,
  store,
}) => {
  const volume = await fs.volume(fresh('moving'), false);
  const at = filled(volume);
  const capture = await store.capture([{ key: 'agent', volumes: [volume] }]);
  try {
    rmSync(at('gone'), { recursive: true });
    renameSync(at('moved/a'), at('elsewhere'));
    rmSync(at('file'), { recursive: true });
    writeFileSync(at('file'), 'a file now');
    rmSync(at('link'), { recursive: true });
    symlinkSync('/etc', at('link'));
    const live = await printOf(volume.mountpoint);
    await capture.take(never);
    const [image] = await capture.finish('agent');
    const location = capture.location('agent', image?.image ?? '');
    assert.equal(await reading(store, location, printOf), live);
  } finally {
    await capture.discard('agent');
    await capture.close();
  }
});

test('a change that leaves size and times as they were is seen', async ({ fs, store }) => {
  const volume = await fs.volume(fresh('sly'), false);
  const at = filled(volume);
  utimesSync(at('changing'), 1_000_000_000, 1_000_000_000);
  const { capture } = await captured(store, [volume]);
  await capture.discard('agent');
  await capture.close();
  writeFileSync(at('changing'), 'CHANGING');
  utimesSync(at('changing'), 1_000_000_000, 1_000_000_000);
  const later = await captured(store, [volume]);
  const word = await reading(
    store,
    later.capture.location('agent', later.images[0]?.image ?? ''),
    (root) => readFileSync(join(root, 'changing'), 'utf8'),
  );
  assert.is(word, 'CHANGING');
  await later.capture.discard('agent');
  await later.capture.close();
});

for (const what of ['no listing speaks of', 'a power cut kept from the disk'])
  test(`a copy that ${what} is made anew`, async ({ fs, store }) => {
    const volume = await fs.volume(fresh('anew'), false);
    const at = filled(volume);
    await published(store, [volume], { id: freshId() });
    const copy = copyOf(fs, volume);
    const { atime, mtime } = statSync(join(copy, 'tree/changing'));
    writeFileSync(join(copy, 'tree/changing'), '\0'.repeat('changing'.length));
    utimesSync(join(copy, 'tree/changing'), atime, mtime);
    writeFileSync(join(copy, 'tree/junk'), 'of nobody');
    if (what.startsWith('no')) rmSync(join(copy, 'listing'));
    else writeFileSync(join(copy, 'unwritten'), 'another boot\n');
    const { volumes } = await published(store, [volume], { id: freshId() });
    const location = join(fs.storeDirectory, 'archives', volumes[0]?.image ?? '');
    assert.equal(await reading(store, location, printOf), await printOf(volume.mountpoint));
    assert.is(readFileSync(at('changing'), 'utf8'), 'changing');
    assert.not.ok(existsSync(join(copy, 'unwritten')));
  });

test('an interrupted preparation leaves nothing', async ({ fs, store }) => {
  const volume = await fs.volume(fresh('interrupted'), false);
  filled(volume);
  const reason = new Error('enough');
  const sets = [{ key: 'agent', volumes: [volume] }];
  const abort = new AbortController();
  const preparing = store.capture(sets, abort.signal).catch((error: unknown) => error);
  abort.abort(reason);
  assert.is(await preparing, reason);
  assert.equal(await store.leftovers(), []);
  assert.equal(readdirSync(join(fs.storeDirectory, 'snapshots')), await idsIn(store));
  const { capture } = await captured(store, [volume]);
  await capture.discard('agent');
  await capture.close();
});

test('what an archive is made on top of stays while it is made, whoever prunes', async ({
  fs,
  store,
}) => {
  const volume = await fs.volume(fresh('base'), false);
  const at = filled(volume);
  const [first, second] = [freshId(), freshId()];
  await published(store, [volume], { id: first });
  const base = archives(fs).filter((name) => name.startsWith(volume.volume));
  writeFileSync(at('changing'), 'later');
  const capture = await store.capture([{ key: 'agent', volumes: [volume] }]);
  const other = await fs.open();
  await other.destroy(first);
  await other.collectLeftovers();
  assert.equal(
    archives(fs).filter((name) => base.includes(name)),
    base,
  );
  await capture.take(never);
  const images = await capture.finish('agent');
  await other.collectLeftovers();
  await capture.publish(
    'agent',
    manifestOf(store, { id: second, volumes: [volume], images }),
    false,
  );
  await capture.close();
  assert.ok((await idsIn(other)).includes(second));
  const location = join(fs.storeDirectory, 'archives', images[0]?.image ?? '');
  assert.equal(await reading(store, location, printOf), await printOf(volume.mountpoint));
  await other.destroy(second);
  assert.equal(
    archives(fs).filter((name) => name.startsWith(volume.volume)),
    [],
  );
});

test('what lies too deep is left out and told, and the rest is there', async ({ fs, store }) => {
  const volume = await fs.volume(fresh('deep'), false);
  const at = filled(volume);
  chownSync(at('gone'), 1000, 1000);
  await deepTree(at('gone'), 20);
  const { capture, images } = await captured(store, [volume]);
  const [image] = images;
  assert.is(image?.whole, false);
  const location = capture.location('agent', image?.image ?? '');
  await reading(store, location, (root) => {
    assert.is(readFileSync(join(root, 'changing'), 'utf8'), 'changing');
  });
  await capture.discard('agent');
  await capture.close();
});

test.run();
