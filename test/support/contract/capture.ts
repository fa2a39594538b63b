import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SwapVolume } from '../../../src/model/transaction.ts';
import type { Placement } from '../../../src/storage/driver.ts';
import type { DriverContract } from './filesystem.ts';
import {
  capturable,
  captured,
  contractSuite,
  fresh,
  freshId,
  idsIn,
  imageSource,
  manifestOf,
  reading,
  recordOf,
  refused,
} from './parts.ts';
import { fillTree, printOf } from './tree.ts';

/** Captures: what is in the images, and that nothing is listed before it is published. */
export function captureContract(contract: DriverContract): void {
  const test = contractSuite(contract, 'capture');

  for (const isolated of [true, false]) {
    const kind = isolated ? 'isolated' : 'not isolated';

    test(`an image of a volume that is ${kind} equals it, and stays as it was`, async ({
      fs,
      store,
    }) => {
      if (!capturable(fs).includes(isolated)) return;
      const volume = await fs.volume(fresh('image'), isolated);
      assert.is(volume.isolated, isolated);
      await fillTree(volume.mountpoint, 'first', fs.can);
      const before = await printOf(volume.mountpoint);
      const { capture, images } = await captured(store, [volume]);
      writeFileSync(join(volume.mountpoint, 'word'), 'second\n');
      const [image] = images;
      assert.is(image?.volume, volume.volume);
      assert.match(image?.guid ?? '', /./);
      const location = capture.location('agent', image?.image ?? '');
      assert.equal(await reading(store, location, printOf), before);
      await capture.discard('agent');
      await capture.close();
    });

    test(`nobody can write to an image of a volume that is ${kind}`, async ({ fs, store }) => {
      if (!capturable(fs).includes(isolated)) return;
      const volume = await fs.volume(fresh('readonly'), isolated);
      writeFileSync(join(volume.mountpoint, 'word'), 'first\n');
      const { capture, images } = await captured(store, [volume]);
      await reading(store, capture.location('agent', images[0]?.image ?? ''), (root) => {
        assert.throws(() => {
          writeFileSync(join(root, 'word'), 'second\n');
        });
      });
      await capture.discard('agent');
      await capture.close();
    });
  }

  test('several sets share what lies around their volumes, each publishes alone', async ({
    fs,
    store,
  }) => {
    const keys = ['one', 'two', 'three'];
    const volumes: Placement[] = [];
    for (const key of keys) volumes.push(await fs.volume(fresh(key), !fs.can.captureInside));
    for (const { mountpoint, volume } of volumes)
      writeFileSync(join(mountpoint, 'word'), `${volume}\n`);
    const sets = keys.map((key, index) => ({ key, volumes: volumes.slice(index, index + 1) }));
    const before = await fs.objects();
    const capture = await store.capture(sets);
    await capture.take(new AbortController().signal);
    const ids = keys.map(freshId);
    for (const [index, key] of keys.entries()) {
      const images = await capture.finish(key);
      assert.equal(images.length, 1);
      const parts = { id: ids[index] ?? '', volumes: volumes.slice(index, index + 1), images };
      if (index > 0) await capture.publish(key, manifestOf(store, parts), false);
    }
    for (const key of keys) await capture.discard(key);
    await capture.close();
    const listed = await idsIn(store);
    assert.equal(
      ids.map((id) => listed.includes(id)),
      [false, true, true],
    );
    for (const id of ids.slice(1)) await store.destroy(id);
    assert.is(await fs.objects(), before);
  });

  test('a volume of several names keeps each image by its volume', async ({ fs, store }) => {
    const volumes = [
      await fs.volume(fresh('plain'), !fs.can.captureInside),
      await fs.volume(`${fresh('other')}.with_odd-chars`, fs.can.isolate),
    ];
    for (const { mountpoint, volume } of volumes)
      writeFileSync(join(mountpoint, 'word'), `${volume}\n`);
    const { capture, images } = await captured(store, volumes);
    assert.equal(
      images.map(({ volume }) => volume),
      volumes.map(({ volume }) => volume),
    );
    assert.is(new Set(images.map(({ image }) => image)).size, 2);
    assert.is(new Set(images.map(({ guid }) => guid)).size, 2);
    await capture.discard('agent');
    await capture.close();
  });

  test('nothing is listed, and no id taken, before it is published', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('unlisted'), fs.can.isolate);
    const id = freshId();
    const before = await idsIn(store);
    const { capture, images } = await captured(store, [volume]);
    const other = await fs.open();
    assert.equal(await idsIn(other), before);
    assert.equal(await other.damaged(), []);
    assert.is(await other.has(id), false);
    const manifest = manifestOf(store, { id, volumes: [volume], images });
    const given = await capture.publish('agent', manifest, false);
    await capture.discard('agent');
    await capture.close();
    const [stored] = (await other.list()).filter((one) => one.manifest.id === id);
    assert.equal(stored, given);
    assert.equal(stored?.manifest, manifest);
    assert.is(stored?.pinned, false);
    assert.equal(Object.keys(stored?.locations ?? {}), [images[0]?.image]);
    assert.is(await other.has(id), true);
  });

  test('an id that is taken is refused, and what had it stays', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('twice'), fs.can.isolate);
    const id = freshId();
    for (const round of [1, 2]) {
      const { capture, images } = await captured(store, [volume]);
      const manifest = manifestOf(store, { id, volumes: [volume], images });
      const publishing = capture.publish('agent', manifest, false);
      if (round === 1) await publishing;
      else await refused(publishing, 'IO_ERROR');
      await capture.discard('agent');
      await capture.close();
    }
    assert.is((await idsIn(store)).filter((one) => one === id).length, 1);
    assert.equal(await store.leftovers(), []);
  });

  test('a reset capture can be taken again and shows the later state', async ({ fs, store }) => {
    const volumes: Placement[] = [];
    for (const isolated of capturable(fs)) volumes.push(await fs.volume(fresh('again'), isolated));
    const capture = await store.capture([{ key: 'agent', volumes }]);
    for (const word of ['first', 'second']) {
      for (const { mountpoint } of volumes) writeFileSync(join(mountpoint, 'word'), word);
      if (word === 'second') await capture.reset();
      await capture.take(new AbortController().signal);
    }
    for (const { image } of await capture.finish('agent')) {
      const lines = await reading(store, capture.location('agent', image), printOf);
      const live = await printOf(volumes[0]?.mountpoint ?? '');
      const word = (of: readonly string[]) => of.find((line) => line.startsWith('/word '));
      assert.is(word(lines)?.split(' ').at(-1), word(live)?.split(' ').at(-1));
    }
    await capture.discard('agent');
    await capture.close();
  });

  test('an aborted take leaves what discard and close can remove', async ({ fs, store }) => {
    const before = await fs.objects();
    const volumes = [await fs.volume(fresh('aborted'), fs.can.isolate)];
    volumes.push(await fs.volume(fresh('aborted'), !fs.can.captureInside));
    const made = (await fs.objects()) - before;
    const capture = await store.capture([{ key: 'agent', volumes }]);
    const abort = new AbortController();
    const taking = capture.take(abort.signal);
    abort.abort(new Error('enough'));
    await taking.catch(() => undefined);
    for (let round = 0; round < 2; round += 1) {
      await capture.discard('agent');
      await capture.close();
    }
    assert.is(await fs.objects(), before + made);
    assert.equal(await store.leftovers(), []);
  });

  test('a capture that cannot be taken whole leaves nothing', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('whole'), fs.can.isolate);
    const lost = { pathInFs: `${volume.pathInFs}-gone`, dataset: `${volume.dataset}-gone` };
    const gone = { ...volume, ...lost, volume: 'gone', isolated: true };
    const before = await fs.objects();
    const taking = store
      .capture([{ key: 'agent', volumes: [volume, gone] }])
      .then(async (capture) =>
        capture.take(new AbortController().signal).finally(async () => {
          await capture.discard('agent');
          await capture.close();
        }),
      );
    await refused(taking, 'TOOL_FAILED', 'IO_ERROR');
    assert.is(await fs.objects(), before);
  });

  test('datasets inside a volume are in its image and in what is staged of it', async ({
    fs,
    store,
  }) => {
    if (!fs.can.nest) return;
    const { volume: name, mountpoint } = await fs.volume(fresh('nesting'), true);
    await fs.nest(await fs.place(name), 'inner');
    await fs.nest(await fs.place(name), 'inner/innermost');
    for (const path of ['outer', 'inner/middle', 'inner/innermost/deep'])
      writeFileSync(join(mountpoint, path), path);
    const volume = await fs.place(name);
    assert.equal(pathsOf(volume.nested), ['inner', 'inner/innermost']);
    const { capture, images } = await captured(store, [volume]);
    const [image] = images;
    assert.equal(pathsOf(image?.nested ?? []), ['inner', 'inner/innermost']);
    const source = imageSource(capture, image);
    const transaction = fresh('nest');
    const tree = await store.stage({ transaction, volume, kind: 'dataset', source });
    const old = await store.treeAt(volume.pathInFs);
    assert.ok(old);
    const record = recordOf(transaction, volume, { old, new: tree });
    const [swap] = record.volumes as [SwapVolume];
    await store.prepareAside(record, swap);
    const before = await printOf(mountpoint);
    await store.retire(record, swap);
    await store.install(record, swap);
    assert.equal(await printOf(mountpoint), before);
    await store.destroyOld(record, swap);
    await capture.discard('agent');
    await capture.close();
    assert.equal(pathsOf((await fs.place(name)).nested), ['inner', 'inner/innermost']);
  });

  test.run();
}

function pathsOf(nested: readonly { readonly path: string }[]): readonly string[] {
  return nested.map(({ path }) => path).sort();
}
