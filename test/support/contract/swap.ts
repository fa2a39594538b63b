import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SwapVolume, TransactionRecord, Tree } from '../../../src/model/transaction.ts';
import type { Placement, Store } from '../../../src/storage/driver.ts';
import type { DriverContract } from './filesystem.ts';
import {
  capturable,
  contractSuite,
  fresh,
  freshId,
  idsIn,
  published,
  recordOf,
  refused,
} from './parts.ts';
import type { Given } from './parts.ts';

type Kind = Tree['kind'];
const KINDS: readonly Kind[] = ['dataset', 'directory'];
const STEPS = ['prepareAside', 'retire', 'install'] as const;

/** A swap can be turned back at every step, finds its trees by identity, and never destroys what it does not know. */
export function swapContract(contract: DriverContract): void {
  const test = contractSuite(contract, 'swap');

  for (const from of KINDS) {
    for (const to of KINDS) {
      test(`from ${from} to ${to}: reverted after each step, twice`, async ({ fs, store }) => {
        if (!fs.can.isolate && (from === 'dataset' || to === 'dataset')) return;
        const volume = await fs.volume(fresh('swap'), from === 'dataset');
        for (let done = 0; done <= STEPS.length; done += 1) {
          const { record, swap } = await begunOn(store, volume, to);
          const objects = await fs.objects();
          for (const step of STEPS.slice(0, done)) await store[step](record, swap);
          assert.is(await store.inPlace(swap), ['old', 'old', 'none', 'new'][done]);
          for (let round = 0; round < 2; round += 1) {
            await store.revert(record, swap);
            assert.is(await store.inPlace(swap), 'old');
            assert.equal(await store.treeAt(swap.pathInFs), swap.old);
            assert.is(wordOf(volume), 'old');
          }
          for (let round = 0; round < 2; round += 1) await store.destroyNew(record, swap);
          assert.is(await fs.objects(), objects - Number(to === 'dataset'));
          assert.equal(beside(volume), []);
          assert.is(wordOf(volume), 'old');
        }
      });

      test(`from ${from} to ${to}: forth after back ends on the new data`, async ({
        fs,
        store,
      }) => {
        if (!fs.can.isolate && (from === 'dataset' || to === 'dataset')) return;
        const { volume, record, swap } = await begun({ fs, store }, from, to);
        for (const step of STEPS) await store[step](record, swap);
        await store.revert(record, swap);
        for (const step of STEPS) await store[step](record, swap);
        assert.is(wordOf(volume), 'new');
        await store.destroyNew(record, swap);
        assert.is(wordOf(volume), 'new');
        await store.destroyOld(record, swap);
        assert.equal(beside(volume), []);
        assert.is(await store.inPlace(swap), 'new');
      });
    }
  }

  test('a foreign tree in place is refused, and nothing is touched', async ({ fs, store }) => {
    for (const kind of KINDS) {
      if (kind === 'dataset' && !fs.can.isolate) continue;
      for (const done of [1, 3]) {
        const { volume, record, swap } = await begun({ fs, store }, kind, kind);
        for (const step of STEPS.slice(0, done)) await store[step](record, swap);
        const elsewhere = await fs.replace(volume);
        const objects = await fs.objects();
        assert.is(await store.inPlace(swap), 'foreign');
        for (let round = 0; round < 2; round += 1)
          await refused(store.revert(record, swap), 'IO_ERROR');
        if (done === 3) await refused(store.install(record, swap), 'IO_ERROR');
        assert.is(await store.inPlace(swap), 'foreign');
        assert.equal(readdirSync(volume.mountpoint), ['foreign']);
        assert.ok(existsSync(join(elsewhere, 'word')));
        assert.is(await fs.objects(), objects);
      }
    }
  });

  test('old data that is nowhere is told, and the new data stays', async ({ fs, store }) => {
    const { volume, record, swap } = await begun({ fs, store }, 'directory', 'directory');
    for (const step of STEPS) await store[step](record, swap);
    await store.destroyOld(record, swap);
    await refused(store.revert(record, swap), 'IO_ERROR');
    assert.is(wordOf(volume), 'new');
    assert.is(await store.inPlace(swap), 'new');
  });

  test('retired data stays until its safety snapshot goes, then goes with it', async ({
    fs,
    store,
  }) => {
    for (const kind of KINDS) {
      if (!capturable(fs).includes(kind === 'dataset')) continue;
      const { volume, record, swap } = await begun({ fs, store }, kind, kind);
      const [safety, other] = [freshId(), freshId()];
      for (const id of [safety, other])
        await published(store, [volume], { id, safety: id === safety });
      const objects = await fs.objects();
      const kept = { ...record, safety, phase: 'committed' } as const;
      await store.saveRecord(kept);
      for (const step of STEPS) await store[step](kept, swap);
      await store.keepRetired(kept);
      const reopened = await fs.open();
      assert.equal(await reopened.records(), []);
      await reopened.collectLeftovers();
      await reopened.destroy(other);
      assert.is(await fs.objects(), objects - images(fs));
      if (kind === 'directory') assert.is(beside(volume).length, 1);
      for (let round = 0; round < 2; round += 1) await reopened.destroy(safety);
      const retired = Number(kind === 'dataset');
      assert.is(await fs.objects(), objects - 2 * images(fs) - retired);
      assert.equal(beside(volume), []);
      assert.is(wordOf(volume), 'new');
      assert.not.ok((await idsIn(store)).includes(safety));
    }
  });

  test.run();
}

/** Objects that a restore point of one volume takes: a dataset, a directory with its image, or that and an archive. */
function images({ driver }: Given['fs']): number {
  return driver.capabilities.imagesAtHand ? 1 : 2;
}

interface Begun {
  readonly volume: Placement;
  readonly record: TransactionRecord;
  readonly swap: SwapVolume;
}

/** A volume that says `old`, with staged data that says `new`. */
async function begun({ fs, store }: Given, from: Kind, to: Kind): Promise<Begun> {
  return begunOn(store, await fs.volume(fresh('swap'), from === 'dataset'), to);
}

async function begunOn(store: Store, volume: Placement, to: Kind): Promise<Begun> {
  const word = join(volume.mountpoint, 'word');
  writeFileSync(word, 'new');
  const id = fresh('swap');
  const tree = await staged(store, { id, volume, kind: to });
  writeFileSync(word, 'old');
  const old = await store.treeAt(volume.pathInFs);
  assert.ok(old);
  const record = recordOf(id, volume, { old, new: tree });
  return { volume, record, swap: record.volumes[0]! };
}

async function staged(
  store: Store,
  { id, volume, kind }: { id: string; volume: Placement; kind: Kind },
): Promise<Tree> {
  return store.stage({ transaction: id, volume, kind, source: { from: 'live' } });
}

function wordOf({ mountpoint }: Placement): string {
  return readFileSync(join(mountpoint, 'word'), 'utf8');
}

/** What lies beside a volume's data. */
function beside({ mountpoint }: Placement): readonly string[] {
  return readdirSync(dirname(mountpoint)).filter((name) => name !== '_data');
}
