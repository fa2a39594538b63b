import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Placement } from '../../../src/storage/driver.ts';
import { isEmulatorsCrash } from '../lab/emulated.ts';
import type { ContractFilesystem, DriverContract } from './filesystem.ts';
import { capturable, contractSuite, fresh, freshId, idsIn, published } from './parts.ts';

const PROGRAM = join(import.meta.dirname, 'half-done.ts');

/** What a killed process leaves is collected; what a living one works on is not. */
export function leftoversContract(contract: DriverContract): void {
  const test = contractSuite(contract, 'leftovers');

  for (const what of ['taken', 'finished', 'image']) {
    test(`a capture (${what}) is left alone while its process lives, then collected`, async ({
      fs,
      store,
    }) => {
      // A copy that is kept for the next capture is no leftover.
      if (what === 'image' && !fs.driver.capabilities.imagesAtHand) return;
      const volumes: Placement[] = [];
      for (const isolated of capturable(fs)) volumes.push(await fs.volume(fresh('left'), isolated));
      const before = await fs.objects();
      const child = await halfDone(fs, volumes, what);
      try {
        assert.equal(await store.leftovers(), []);
        assert.equal(await store.collectLeftovers(), []);
        if (fs.can.isolate) assert.ok((await fs.objects()) > before);
      } finally {
        await kill(child);
      }
      const left = await store.leftovers();
      assert.ok(left.length > 0);
      assert.equal(await idsIn(store), []);
      assert.equal(await store.damaged(), []);
      assert.equal([...(await store.collectLeftovers())].sort(), [...left].sort());
      assert.equal(await store.leftovers(), []);
      assert.equal(await store.collectLeftovers(), []);
      assert.is(await fs.objects(), before);
    });
  }

  test('a destruction that was cut short is finished; no half of it is listed', async ({
    fs,
    store,
  }) => {
    const volume = await fs.volume(fresh('destroy'), fs.can.isolate);
    const before = await fs.objects();
    for (let index = 0; index < 8; index += 1) await published(store, [volume], { id: freshId() });
    for (const delay of [0, 5, 15, 30, 60]) {
      const child = await halfDone(fs, [], 'destroy');
      await new Promise((done) => setTimeout(done, delay));
      await kill(child);
      assert.equal(await store.damaged(), []);
      await store.collectLeftovers();
      assert.equal(await store.leftovers(), []);
    }
    for (const id of await idsIn(store)) await store.destroy(id);
    assert.is(await fs.objects(), before);
  });

  test('the name of an agent makes no leftover of its restore points', async ({ fs, store }) => {
    const volume = await fs.volume(fresh('named'), fs.can.isolate);
    const ids = ['.partial-1-2-x@20261122T110503Z', '.trash-1-2-x@20261122T110503Z'];
    for (const id of ids) await published(store, [volume], { id });
    assert.equal(await store.collectLeftovers(), []);
    assert.equal(await idsIn(store), ids);
    for (const id of ids) await store.destroy(id);
    assert.equal(await idsIn(store), []);
  });

  test.run();
}

/** Starts the program and returns when it has done its half. */
async function halfDone(
  { entry }: ContractFilesystem,
  volumes: readonly Placement[],
  what: string,
): Promise<ChildProcess> {
  const argv = [PROGRAM, entry.module, JSON.stringify(entry.reach), JSON.stringify(volumes), what];
  for (;;) {
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const said = once(child.stdout, 'data').then(() => null);
    const end = await Promise.race([said, ended]);
    if (end === null) return child;
    const [code, signal] = end;
    const status = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
    assert.ok(isEmulatorsCrash(status), `the other process ended early: ${String(status)}`);
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
