import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import { createStop } from '../../../src/quiesce/stop.ts';

const timeout = () => new CowherdError('FREEZE_TIMEOUT', 'late');
const interrupt = () => new CowherdError('INTERRUPTED', 'stop');
const never = new Promise<never>(() => undefined);

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  return error instanceof CowherdError ? error.code : error;
}

test('a promise that is done in time is not touched', async () => {
  const stop = createStop();
  stop.limit(5, timeout);
  assert.is(await stop.race(Promise.resolve('done')), 'done');
  stop.release();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.not.ok(stop.signal.aborted, 'a released limit does not strike');
});

test('the first cause wins', async () => {
  const stop = createStop();
  const source = new AbortController();
  stop.follow(source.signal, interrupt);
  stop.limit(1, timeout);
  assert.is(await codeOf(stop.race(never)), 'FREEZE_TIMEOUT');
  source.abort();
  assert.is(await codeOf(stop.race(never)), 'FREEZE_TIMEOUT');
});

test('a source that has aborted before stops at once', async () => {
  const stop = createStop();
  stop.follow(undefined, timeout);
  stop.follow(AbortSignal.abort(), interrupt);
  assert.ok(stop.signal.aborted);
  assert.is(await codeOf(stop.race(never)), 'INTERRUPTED');
});

test.run();
