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

test('what recurs often in some hours alone is found as soon outside of them', () => {
  const sunday = at('2026-11-29T12:00:00Z');
  const cases: readonly (readonly [string, string, number])[] = [
    ['* 9-17 * * 1-5', '2026-11-27T16:59:00Z', 60_000],
    ['* * * * * 1', '2026-11-23T22:59:59Z', 1_000],
    ['*/10 * 1 1 *', '2026-01-01T22:50:00Z', 600_000],
  ];
  const began = performance.now();
  for (const [cron, newest, apart] of cases) {
    const cadence = { cron, timezone: BERLIN };
    assert.equal(latestOccurrences(cadence, sunday, 2), [at(newest), at(newest) - apart], cron);
  }
  assert.ok(performance.now() - began < 5_000, 'thousands of occurrences were gone through');
});

test('the latest are those that one after the other comes to, also where clocks change', () => {
  for (const cron of ['*/15 * * * *', '30 2 * * *', '0 0 * * 0', '*/20 1-3 * * 0'])
    for (const start of ['2026-03-28T00:10:00Z', '2026-10-24T00:10:00Z']) {
      const cadence = { cron, timezone: BERLIN };
      let next = nextOccurrence(cadence, at(start));
      for (let turn = 0; turn < 12; turn += 1) {
        const last = next;
        next = nextOccurrence(cadence, last);
        const [found] = latestOccurrences(cadence, next - 1_000, 1);
        assert.is(found, last, `${cron} ${new Date(last).toISOString()}`);
      }
    }
});

test('clocks that change by half an hour are no end of it', () => {
  const cadence = { cron: '0 2 * * *', timezone: 'Australia/Lord_Howe' };
  const next = nextOccurrence(cadence, at('2026-04-03T15:30:00Z'));
  assert.ok(next > at('2026-04-03T15:30:00Z') && next <= at('2026-04-05T15:30:00Z'));
});

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
