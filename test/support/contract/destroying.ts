import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { DriverContract } from './filesystem.ts';
import { contractSuite, fresh, freshId, idsIn, published } from './parts.ts';

const BULK_BYTES = 4 * 1024 * 1024;

/** What goes when a restore point goes, and what that gives back. */
export function destroyingContract(contract: DriverContract): void {
  const test = contractSuite(contract, 'destroying');

  test('a destroyed restore point is gone, its images too; again is success', async ({
    fs,
    store,
  }) => {
    const volume = await fs.volume(fresh('destroyed'), fs.can.isolate);
    const before = await fs.objects();
    const id = freshId();
    const kept = freshId();
    await published(store, [volume], { id, pinned: true });
    await published(store, [volume], { id: kept });
    const both = await fs.objects();
    for (let round = 0; round < 2; round += 1) {
      await store.destroy(id);
      assert.is(await store.has(id), false);
      assert.not.ok((await idsIn(await fs.open())).includes(id));
    }
    assert.ok((await idsIn(store)).includes(kept));
    await store.destroy(kept);
    assert.ok((await fs.objects()) < both);
    assert.is(await fs.objects(), before);
    await store.destroy('agent@20000101T000000Z');
    assert.equal(await store.leftovers(), []);
  });

  test('what destroying would free is said where the filesystem can say it', async ({
    fs,
    store,
  }) => {
    const volume = await fs.volume(fresh('freed'), fs.can.isolate);
    const bulk = join(volume.mountpoint, 'bulk');
    writeFileSync(bulk, randomBytes(BULK_BYTES));
    const ids = [freshId(), freshId(), freshId()];
    for (const [turn, id] of ids.entries()) {
      if (turn === 2) rmSync(bulk);
      await published(store, [volume], { id });
    }
    const [first = ''] = ids;
    const [none, one, all] = [
      await store.freed([]),
      await store.freed([first]),
      await store.freed(ids),
    ];
    if (store.capabilities.sharedCopies) {
      assert.equal([none, one, all], [null, null, null]);
    } else {
      // The second has what the first has: it goes with the last that has it.
      assert.is(none, 0);
      assert.ok(one !== null && one < BULK_BYTES / 2, String(one));
      assert.ok(all !== null && all >= BULK_BYTES, String(all));
    }
    assert.ok((await idsIn(store)).filter((id) => ids.includes(id)).length === ids.length);
    for (const id of ids) await store.destroy(id);
  });

  test.run();
}
