import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { makeSlots } from '../../../src/quiesce/slots.ts';

test('no more than so many are at work at once, and all come to it in their order', async () => {
  const slots = makeSlots(2);
  const order: number[] = [];
  let atWork = 0;
  let most = 0;
  const work = async (n: number): Promise<void> => {
    const giveBack = await slots.take();
    order.push(n);
    most = Math.max(most, (atWork += 1));
    await new Promise(setImmediate);
    atWork -= 1;
    giveBack();
  };
  await Promise.all([1, 2, 3, 4, 5, 6].map(work));
  await work(7);
  assert.equal(order, [1, 2, 3, 4, 5, 6, 7]);
  assert.is(most, 2);
});

test.run();
