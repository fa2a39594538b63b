import { setTimeout } from 'node:timers/promises';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { batched } from '../../../src/exec/batched.ts';

function counting() {
  const calls: (readonly number[])[] = [];
  const work = async (items: readonly number[]): Promise<readonly number[]> => {
    calls.push(items);
    await setTimeout(1);
    if (items.includes(13)) throw new Error('unlucky');
    return items.map((item) => item * 2);
  };
  return { calls, double: batched(work, 5) };
}

test('calls that come together are one, and each has the results of its own items', async () => {
  const { calls, double } = counting();
  const results = await Promise.all([double([1, 2]), double([]), double([3])]);
  assert.equal(results, [[2, 4], [], [6]]);
  assert.equal(calls, [[1, 2, 3]]);
  assert.equal(await double([4]), [8]);
  assert.is(calls.length, 2);
});

test('one that fails fails alone', async () => {
  const { calls, double } = counting();
  const settled = await Promise.allSettled([double([1]), double([13]), double([2])]);
  assert.equal(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(calls, [[1, 13, 2], [1], [13], [2]]);
});

test('one by itself that fails is not made again', async () => {
  const { calls, double } = counting();
  const [result] = await Promise.allSettled([double([13])]);
  assert.is(result.status, 'rejected');
  assert.equal(calls, [[13]]);
});

test.run();
