import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { CronExpressionParser } from 'cron-parser';
import { latestOccurrences, nextOccurrence } from '../../../src/model/schedule.ts';
import { zoneOf } from '../../../src/model/zone.ts';
import { test } from '../../support/suite.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Zones, and instants at which their clocks change: by an hour, by half of one, at midnight. */
const CHANGES = [
  ['Europe/Berlin', '2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z'],
  ['America/New_York', '2026-03-08T07:00:00Z', '2026-11-01T06:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z'],
  ['Africa/Cairo', '2026-04-23T22:00:00Z', '2026-10-29T21:00:00Z'],
  ['America/Sao_Paulo', '2018-02-18T02:00:00Z', '2018-11-04T03:00:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
].flatMap(([zone = '', ...times]) => times.map((at) => ({ zone, at: Date.parse(at) })));

const CRONS = [
  ...['0 * * * *', '*/15 * * * *', '45 * * * *', '7,37 * * * *', '0 0-23 * * *'],
  ...['30 2 * * *', '0 0 * * *', '30 0,1,2,3 * * *', '10 */6 * * *', '*/20 2 * * *'],
  ...['0 1-3 * * *', '0 */2 * * *', '15 2 * * 0', '59 23 * * *', '0 12 29 3 *'],
];

/** Minute after minute: what the docs say, as plainly as can be. */
function reference(cron: string, zone: string, from: number, until: number): readonly number[] {
  const wallOf = zoneOf(zone).wallOf;
  const expression = CronExpressionParser.parse(cron, { tz: 'UTC' });
  const isHourly = expression.fields.hour.values.length === 24;
  const matches = new Set<number>();
  expression.reset(new Date(from - 3 * DAY_MS));
  for (let wall = 0; wall < until + 3 * DAY_MS; matches.add(wall))
    wall = expression.next().getTime();
  const shown = new Set<number>();
  const found = new Set<number>();
  let last = wallOf(from - MINUTE_MS);
  for (let at = from; at <= until; at += MINUTE_MS) {
    const wall = wallOf(at);
    for (let missed = last + MINUTE_MS; missed < wall; missed += MINUTE_MS)
      if (matches.has(missed)) found.add(at + missed - last - MINUTE_MS);
    if (matches.has(wall) && (isHourly || !shown.has(wall))) found.add(at);
    shown.add(wall);
    last = wall;
  }
  return [...found].filter((at) => at <= until).sort((a, b) => a - b);
}

test('where clocks change, occurrences are the same from wherever one looks, forward and back', () => {
  for (const { zone, at } of CHANGES) {
    for (const cron of CRONS) {
      const cadence = { cron, timezone: zone };
      const all = reference(cron, zone, at - 2 * DAY_MS, at + 3 * DAY_MS);
      for (let now = at - DAY_MS; now < at + 1.5 * DAY_MS; now += 29 * MINUTE_MS + 1) {
        const where = `${cron} ${zone} ${new Date(now).toISOString()}`;
        const last = all.filter((one) => one <= now).at(-1);
        if (last !== undefined) assert.is(latestOccurrences(cadence, now, 1)[0], last, where);
        const next = all.find((one) => one > now);
        if (next !== undefined) assert.is(nextOccurrence(cadence, now), next, where);
      }
    }
  }
});

test('an hour that comes again when clocks go back is not passed over for next year', () => {
  const cadence = { cron: '0 * 17 2 *', timezone: 'America/Sao_Paulo' };
  const [shown, again, next] = ['2018-02-18T01:00Z', '2018-02-18T02:00Z', '2019-02-17T03:00Z'];
  assert.is(nextOccurrence(cadence, Date.parse(shown)), Date.parse(again));
  assert.is(nextOccurrence(cadence, Date.parse(again)), Date.parse(next));
  assert.equal(latestOccurrences(cadence, Date.parse(next) - 1, 2), [again, shown].map(Date.parse));
});

test('the latest lie side by side, whatever recurs wherever', () => {
  const field = (least: number, most: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min: least, max: most }).map(String),
      fc.integer({ min: 2, max: 7 }).map((step) => `*/${String(step)}`),
    );
  const crons = fc
    .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
    .map((fields) => fields.join(' '));
  const change = fc.constantFrom(...CHANGES);
  fc.assert(
    fc.property(crons, change, fc.integer({ min: -3000, max: 3000 }), (cron, { zone, at }, off) => {
      const cadence = { cron, timezone: zone };
      const latest = latestOccurrences(cadence, at + off * MINUTE_MS, 5);
      for (const [index, one] of latest.entries()) {
        assert.is(nextOccurrence(cadence, one - 1), one);
        if (index > 0) assert.is(nextOccurrence(cadence, one), latest[index - 1]);
      }
    }),
    { numRuns: 300 },
  );
});

test.run();
