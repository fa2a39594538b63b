import * as assert from 'uvu/assert';
import { setImmediate as moment } from 'node:timers/promises';
import { createSlots } from '../../../src/model/limited.ts';
import { eachTurn } from '../../../src/usecases/capture-turns.ts';
import { test } from '../../support/suite.ts';

/** Turns of one schedule: 25 of eight agents are two hundred. */
const turnsOf = (schedule: string, count: number) =>
  Array.from({ length: count }, (_, turn) => ({ schedule, turn }));

function working() {
  const seen = { atWork: 0, most: 0, done: [] as string[] };
  const work = async ({ schedule }: { schedule: string }): Promise<void> => {
    seen.atWork += 1;
    seen.most = Math.max(seen.most, seen.atWork);
    for (let looks = 0; looks < 3; looks += 1) await moment();
    seen.atWork -= 1;
    seen.done.push(schedule);
  };
  return { seen, work };
}

test('however many schedules come due at once, three turns are at work', async () => {
  const { seen, work } = working();
  const schedules = ['a', 'b', 'c', 'd', 'e'].map(async (name) =>
    eachTurn(turnsOf(name, 25), work),
  );
  await Promise.all(schedules);
  assert.is(seen.most, 3);
  assert.is(seen.done.length, 125);
});

test('a schedule of one agent does not wait for the two hundred of another', async () => {
  const { seen, work } = working();
  const large = eachTurn(turnsOf('large', 25), work);
  await moment();
  await eachTurn(turnsOf('small', 1), work);
  const before = seen.done.indexOf('small');
  assert.ok(before <= 6, `${String(before)} turns of the large one came first`);
  await large;
});

test('nor for four such schedules, each of which has three turns at work or waiting at most', async () => {
  const { seen, work } = working();
  const large = ['a', 'b', 'c', 'd'].map(async (name) => eachTurn(turnsOf(name, 25), work));
  await moment();
  await eachTurn(turnsOf('small', 1), work);
  const before = seen.done.indexOf('small');
  assert.ok(before <= 15, `${String(before)} turns came first`);
  await Promise.all(large);
});

test('a turn that fails leaves its slot', async () => {
  const slots = createSlots(1);
  const fails = slots(async () => Promise.reject(new Error('no')));
  const next = slots(async () => 'done');
  assert.is(await fails.catch((error: unknown) => String(error)), 'Error: no');
  assert.is(await next, 'done');
  assert.is(await slots(async () => 'again'), 'again');
});

test.run();
