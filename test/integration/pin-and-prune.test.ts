import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { takeLocks } from '../../src/state/locks.ts';
import type { Store } from '../../src/storage/driver.ts';
import type { PruneDocument } from '../../src/usecases/prune-document.ts';
import { labContext } from '../support/context.ts';
import { codes, listed, takeOne, type ErrorDocument } from '../support/cycle/commands.ts';
import { waiting, type Waited } from '../support/herd/waiting.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';

requireLab();

interface Given {
  lab: Lab;
  store: Store;
}

const test = suite<Given>('a pin and a prune at one time');

test.before(async (given) => {
  const lab = await startLab();
  given.lab = lab;
  await lab.startAgent({ name: 'alpha', capturable: true });
  given.store = await (await labContext(lab)).openStore(lab.fsUuid);
});

test.after(async ({ lab }) => lab?.stop());

/** Does `change` when the command is about to look at the restore point for the last time. */
async function before<T>(
  lab: Lab,
  args: readonly string[],
  change: () => Promise<void>,
): Promise<Waited<T>> {
  const { runtimeDir, ticks } = await labContext(lab);
  const wanted = [{ key: 'points:alpha', label: 'a test' }];
  const locks = await takeLocks(wanted, { runtimeDir, waitMs: 0, ticks });
  try {
    return await waiting<T>(lab, args, async () => {
      await change();
      locks.release();
    });
  } finally {
    locks.release();
  }
}

test('what is pinned at the last moment is kept', async ({ lab, store }) => {
  const { id } = await takeOne(lab, 'alpha');
  await takeOne(lab, 'alpha');
  const argv = ['prune', '--id', id, '--yes'];
  const { exitCode, json } = await before<PruneDocument>(lab, argv, async () =>
    store.setPinned(id, true),
  );
  assert.equal([exitCode, codes(json), json.destroy], [5, ['CONFIRMATION_REQUIRED'], []]);
  assert.ok((await listed(lab)).some((point) => point.id === id && point.pinned));
});

test('what became the newest at the last moment is kept', async ({ lab, store }) => {
  const { id } = await takeOne(lab, 'alpha');
  const newer = await takeOne(lab, 'alpha');
  const argv = ['prune', '--id', id, '--yes'];
  const { exitCode } = await before(lab, argv, async () => store.destroy(newer.id));
  assert.is(exitCode, 5);
  assert.ok((await listed(lab)).some((point) => point.id === id));
});

test('what is pinned at the last moment is kept by the rules, too', async ({ lab, store }) => {
  const [first, second] = [await takeOne(lab, 'alpha'), await takeOne(lab, 'alpha')];
  await takeOne(lab, 'alpha');
  lab.writeConfig('cowherd', { retention: { last: 1, minimum: 0 } });
  try {
    const { exitCode, json } = await before<PruneDocument>(lab, ['prune', 'alpha'], async () =>
      store.setPinned(first.id, true),
    );
    assert.equal([exitCode, json.failures], [0, []]);
    assert.equal(json.keep.find(({ id }) => id === first.id)?.reasons, ['pinned']);
    assert.ok(json.destroy.some(({ id }) => id === second.id));
    assert.ok((await listed(lab)).some((point) => point.id === first.id && point.pinned));
  } finally {
    lab.writeConfig('cowherd', {});
  }
});

test('what is destroyed at the last moment is not said to be pinned', async ({ lab, store }) => {
  const { id } = await takeOne(lab, 'alpha');
  const { exitCode, json } = await before<ErrorDocument>(lab, ['pin', id], async () =>
    store.destroy(id),
  );
  assert.equal([exitCode, json.error.code], [2, 'SNAPSHOT_UNKNOWN']);
});

test.run();
