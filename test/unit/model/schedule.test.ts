import * as assert from 'uvu/assert';
import {
  cronFault,
  dueOccurrence,
  intervalAt,
  latestOccurrences,
  nextDue,
  nextOccurrence,
  type Cadence,
} from '../../../src/model/schedule.ts';
import { test } from '../../support/suite.ts';

const at = (text: string): number => Date.parse(text);
const BERLIN = 'Europe/Berlin';
const from = (cadence: Cadence, start: string, count: number): string[] => {
  const times: string[] = [];
  let ms = at(start);
  while (times.length < count) {
    ms = nextOccurrence(cadence, ms);
    times.push(new Date(ms).toISOString().slice(0, 16));
  }
  return times;
};

test('where clocks go forward, a time that is skipped occurs once', () => {
  const times = from({ cron: '30 2 * * *', timezone: BERLIN }, '2026-03-28T12:00:00Z', 2);
  assert.equal(times, ['2026-03-29T01:30', '2026-03-30T00:30']);
});

test('where clocks go back, a time of day occurs once, and every quarter of an hour goes on', () => {
  const daily = from({ cron: '30 2 * * *', timezone: BERLIN }, '2026-10-24T12:00:00Z', 2);
  assert.equal(daily, ['2026-10-25T00:30', '2026-10-26T01:30']);
  const quarterly = from({ cron: '*/15 * * * *', timezone: BERLIN }, '2026-10-24T23:50:00Z', 6);
  assert.equal(
    quarterly.map((time) => time.slice(11)),
    ['00:00', '00:15', '00:30', '00:45', '01:00', '01:15'],
  );
});

test('the latest are found however seldom or often something recurs', () => {
  const now = at('2026-11-27T12:00:30Z');
  const cases: readonly (readonly [string, string])[] = [
    ['* * * * * *', '2026-11-27T12:00:30Z'],
    ['0 * * * *', '2026-11-27T12:00:00Z'],
    ['0 13 * * *', '2026-11-26T13:00:00Z'],
    ['0 0 1 1 *', '2026-01-01T00:00:00Z'],
    ['0 0 29 2 *', '2024-02-29T00:00:00Z'],
  ];
  for (const [cron, newest] of cases)
    assert.is(latestOccurrences({ cron, timezone: 'UTC' }, now, 1)[0], at(newest), cron);
  assert.is(intervalAt({ cron: '*/15 * * * *', timezone: 'UTC' }, now), 900_000);
});

const HOURLY = { cron: '0 * * * *', timezone: 'UTC' };

test('what never ran is due; what ran is not; of what was missed only the newest is', () => {
  const nowMs = at('2026-11-27T12:10:00Z');
  const due = (last: string | null, delayMs = 0) =>
    dueOccurrence(HOURLY, { nowMs, lastMs: last === null ? null : at(last), delayMs });
  assert.is(due(null), at('2026-11-27T12:00:00Z'));
  assert.is(due('2026-11-27T12:00:00Z'), null);
  assert.is(due('2026-11-20T03:00:00Z'), at('2026-11-27T12:00:00Z'));
});

test('jitter delays; a record from the future holds nothing up', () => {
  const nowMs = at('2026-11-27T12:10:00Z');
  const given = { nowMs, lastMs: at('2026-11-27T11:00:00Z') };
  assert.is(dueOccurrence(HOURLY, { ...given, delayMs: 11 * 60_000 }), null);
  assert.is(dueOccurrence(HOURLY, { ...given, delayMs: 9 * 60_000 }), at('2026-11-27T12:00:00Z'));
  assert.is(nextDue(HOURLY, { nowMs, delayMs: 60_000 }), at('2026-11-27T13:01:00Z'));
  const lastMs = at('2031-01-01T00:00:00Z');
  assert.is(dueOccurrence(HOURLY, { nowMs, lastMs, delayMs: 0 }), at('2026-11-27T12:00:00Z'));
});

test('what is no expression, or names no time, is said', () => {
  for (const cron of ['', 'nonsense', '61 * * * *', '0 0 31 2 *', 'H * * * *', '* * * * * * *'])
    assert.type(cronFault(cron), 'string', cron);
  for (const cron of ['*/15 * * * *', '@daily', '0 0 L * *', '0 30 * * * *'])
    assert.is(cronFault(cron), null, cron);
});

test.run();
