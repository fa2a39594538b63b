import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { after, before, UNIT_AT, UNIT_START, type Unit } from '../../../src/model/calendar.ts';
import { parseCalendarDuration } from '../../../src/model/durations.ts';
import { zoneOf } from '../../../src/model/zone.ts';

const UTC = zoneOf('UTC');
const UNITS = Object.keys(UNIT_AT) as Unit[];

function span(text: string) {
  const parsed = parseCalendarDuration(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

const iso = (ms: number) => new Date(ms).toISOString().replace('.000', '');
const back = (at: string, text: string, zone = UTC) =>
  iso(before(Date.parse(at), span(text), zone));

test('weeks are those of ISO 8601, over the end of a year', () => {
  const week = (at: string) => UNIT_AT.week(Date.parse(at));
  // 2020-W53 has the first days of 2021; 2026-W01 has the last of 2025.
  assert.is(week('2020-12-28T00:00:00Z'), week('2021-01-03T23:59:59Z'));
  assert.is(week('2021-01-04T00:00:00Z'), week('2021-01-03T23:59:59Z') + 1);
  assert.is(week('2025-12-29T00:00:00Z'), week('2026-01-01T12:00:00Z'));
});

test('units before 1970 are units too', () => {
  assert.is(UNIT_AT.day(-1), -1);
  assert.is(UNIT_AT.hour(-1), -1);
  assert.is(UNIT_AT.month(-1), 1969 * 12 + 11);
});

test('a unit begins where the one before it ends', () => {
  fc.assert(
    fc.property(fc.constantFrom(...UNITS), fc.integer({ min: -1e12, max: 4e12 }), (unit, wall) => {
      const at = UNIT_AT[unit](wall);
      assert.ok(UNIT_START[unit](at) <= wall);
      assert.ok(UNIT_START[unit](at + 1) > wall);
      assert.is(UNIT_AT[unit](UNIT_START[unit](at)), at);
      assert.is(UNIT_AT[unit](UNIT_START[unit](at) - 1), at - 1);
    }),
  );
});

test('a duration counts back by the calendar, then by the clock', () => {
  assert.is(back('2016-03-31T10:00:00Z', '1m'), '2016-03-02T10:00:00Z');
  assert.is(back('2026-03-31T10:00:00Z', '1m'), '2026-03-03T10:00:00Z');
  assert.is(back('2024-02-29T00:00:00Z', '1y'), '2023-03-01T00:00:00Z');
  assert.is(back('2026-01-01T00:30:00Z', '1y2m3d4h'), '2024-10-28T20:30:00Z');
  assert.is(back('2026-01-01T00:00:00Z', '1h'), '2025-12-31T23:00:00Z');
});

test('a day back is the same time of the day, also when a day has 23 or 25 hours', () => {
  const berlin = zoneOf('Europe/Berlin');
  assert.is(back('2026-03-29T10:00:00Z', '1d', berlin), '2026-03-28T11:00:00Z');
  assert.is(back('2026-10-25T11:00:00Z', '1d', berlin), '2026-10-24T10:00:00Z');
  assert.is(back('2026-10-25T11:00:00Z', '24h', berlin), '2026-10-24T11:00:00Z');
});

test('a duration longer than there are dates goes back to before all of them', () => {
  assert.is(before(Date.UTC(2026, 0, 1), span('999999y'), UTC), -Infinity);
  assert.is(after(span('999999y'), UTC)(Date.UTC(2026, 0, 1)), Infinity);
});

const HOUR_MS = 3_600_000;
const small = fc.record({
  years: fc.nat(3),
  months: fc.nat(30),
  days: fc.nat(60),
  hours: fc.nat(60),
});
const instant = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2040, 0, 1) });

test('after is the first instant that lies so long after, in UTC to the millisecond', () => {
  fc.assert(
    fc.property(small, instant, (duration, at) => {
      const first = after(duration, UTC)(at);
      assert.ok(before(first, duration, UTC) >= at);
      for (const ms of [1, 1000, HOUR_MS, 24 * HOUR_MS, 72 * HOUR_MS])
        assert.ok(before(first - ms, duration, UTC) < at, `${iso(at)} ${iso(first)} ${ms}`);
    }),
  );
});

test('elsewhere to the hour by which clocks change', () => {
  const zones = fc.constantFrom('Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe');
  fc.assert(
    fc.property(zones, small, instant, (name, duration, at) => {
      const zone = zoneOf(name);
      const first = after(duration, zone)(at);
      assert.ok(before(first, duration, zone) >= at - HOUR_MS);
      assert.ok(before(first - 2 * HOUR_MS, duration, zone) < at);
    }),
  );
});

test.run();
