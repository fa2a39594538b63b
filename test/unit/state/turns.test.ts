import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { toCowherdError } from '../../../src/model/errors.ts';
import { takeLocks, tryLocks } from '../../../src/state/locks.ts';
import { createTurns } from '../../../src/state/turns.ts';
import { until } from '../../support/lab/run.ts';

const test = suite<{ runtimeDir: string }>('turns');
const A = { key: 'a', label: 'a' };
const ticks = (): number => performance.now();
const B = { key: 'b', label: 'b' };

test.before.each((context) => {
  context.runtimeDir = mkdtempSync(join(tmpdir(), 'cowherd-turns-'));
});
test.after.each(({ runtimeDir }) => {
  rmSync(runtimeDir, { recursive: true });
});

const isFree = async (runtimeDir: string): Promise<boolean> => {
  const locks = await tryLocks([[A]], runtimeDir);
  locks?.[0]?.release();
  return locks !== null;
};

test('one after the other in their order, and nothing is held when the last has had its turn', async ({
  runtimeDir,
}) => {
  const { take } = createTurns({ runtimeDir, ticks: () => 0 });
  const told: string[] = [];
  const work = async (name: string): Promise<void> => {
    const turn = await take([A]);
    told.push(`${name} begins`);
    await setTimeout(5);
    assert.not.ok(await isFree(runtimeDir));
    told.push(`${name} ends`);
    turn.release();
  };
  await Promise.all(['1', '2', '3'].map(work));
  assert.equal(
    told,
    ['1', '2', '3'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
  assert.ok(await isFree(runtimeDir));
});

test('a run that has had them for long lets another in, though more of its own wait', async ({
  runtimeDir,
}) => {
  let ms = 0;
  const { take } = createTurns({ runtimeDir, ticks: () => ms });
  const first = await take([A]);
  const second = take([A]);
  const other = takeLocks([A], { runtimeDir, waitMs: 60_000, ticks });
  await until('its flock(1) waits', () => isAwaited(runtimeDir), { everyMs: 5 });
  ms = 10_000;
  const order: string[] = [];
  const both = [second.then(() => order.push('own')), other.then(() => order.push('other'))];
  first.release();
  await Promise.race(both);
  assert.equal(order, ['other']);
  (await other).release();
  (await second).release();
});

/** By /proc/locks, where whoever waits has an arrow before him and the inode behind. */
function isAwaited(runtimeDir: string): boolean {
  const waiting = readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => line.includes('->'));
  return readdirSync(runtimeDir, { recursive: true, encoding: 'utf8' }).some((name) => {
    const { ino } = statSync(join(runtimeDir, name));
    return waiting.some((line) => line.includes(`:${String(ino)} `));
  });
}

test("a turn that is given back twice takes nobody else's", async ({ runtimeDir }) => {
  const { take } = createTurns({ runtimeDir, ticks: () => 0 });
  const first = await take([A]);
  const waiting = take([A]);
  first.release();
  const second = await waiting;
  first.release();
  assert.not.ok(await isFree(runtimeDir));
  second.release();
  assert.ok(await isFree(runtimeDir));
});

test('different locks do not wait for each other', async ({ runtimeDir }) => {
  const { take } = createTurns({ runtimeDir, ticks: () => 0 });
  const [a, b] = await Promise.all([take([A]), take([B])]);
  a.release();
  b.release();
});

test('sets of locks are taken all or none, and released one by one', async ({ runtimeDir }) => {
  const held = await takeLocks([B], { runtimeDir, waitMs: 0, ticks });
  assert.is(await tryLocks([[A], [B]], runtimeDir), null);
  assert.ok(await isFree(runtimeDir));
  held.release();
  const [a, b] = (await tryLocks([[A], [B]], runtimeDir)) ?? [];
  assert.not.ok(await isFree(runtimeDir));
  a?.release();
  assert.ok(await isFree(runtimeDir));
  assert.is(await tryLocks([[B]], runtimeDir), null);
  b?.release();
  assert.is(await tryLocks([[A], [A]], runtimeDir), null, 'two sets want the same');
});

test('what is waited for all locks together is bounded', async ({ runtimeDir }) => {
  const held = await takeLocks([A], { runtimeDir, waitMs: 0, ticks });
  const later = setTimeout(300).then(() => {
    held.release();
  });
  const other = await takeLocks([B], { runtimeDir, waitMs: 0, ticks });
  let asked = 0;
  const clock = (): number => (asked += 400); // each look at it is 400 ms later than the one before
  const [result] = await Promise.allSettled([
    takeLocks([A, B], { runtimeDir, waitMs: 1_000, ticks: clock }),
    later,
  ]);
  assert.is(result.status, 'rejected');
  assert.is(toCowherdError(result.status === 'rejected' ? result.reason : null).code, 'LOCKED');
  assert.ok(await isFree(runtimeDir), 'none of them is kept');
  other.release();
});

test.run();
