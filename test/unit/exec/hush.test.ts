import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { hush, untilQuiet } from '../../../src/exec/hush.ts';

async function waits(over: () => void): Promise<number> {
  const begun = performance.now();
  setTimeout(over, 5);
  await untilQuiet();
  return performance.now() - begun;
}

test('what starts processes goes on when the last of those who wanted quiet have had it', async () => {
  const [one, other] = [hush(), hush()];
  let quiet = false;
  const waiting = untilQuiet().then(() => (quiet = true));
  one();
  one();
  await new Promise(setImmediate);
  assert.not.ok(quiet);
  other();
  await waiting;
  assert.ok(quiet);
});

test('without anybody it does not wait, and with one that never ends it waits a moment', async () => {
  await untilQuiet();
  const over = hush();
  const ms = await waits(() => undefined);
  over();
  assert.ok(ms >= 20 && ms < 2_000, String(ms));
});

test.run();
