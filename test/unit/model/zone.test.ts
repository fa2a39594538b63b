import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { zoneOf } from '../../../src/model/zone.ts';

const ZONES = Intl.supportedValuesOf('timeZone');

/** What Intl says a clock shows, field by field. */
function wallByIntl(timeZone: string, atMs: number): number {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  const parts = Object.fromEntries(
    format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  return wall + (((atMs % 1000) + 1000) % 1000);
}

const instant = fc.integer({ min: 0, max: Date.UTC(2060, 0, 1) });

test('a zone shows what Intl shows, in every zone and at any time since 1970', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), fc.array(instant, { maxLength: 20 }), (name, times) => {
      const zone = zoneOf(name);
      for (const at of times) assert.is(zone.wallOf(at), wallByIntl(name, at), name);
    }),
    { numRuns: 300 },
  );
});

test('to the second where clocks change', () => {
  const changes: readonly (readonly [zone: string, change: string])[] = [
    ['Europe/Berlin', '2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '2026-10-25T01:00:00Z'],
    ['America/New_York', '2026-03-08T07:00:00Z'],
    ['America/New_York', '2026-11-01T06:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
    ['America/St_Johns', '2010-11-07T02:31:00Z'],
    ['Pacific/Apia', '2011-12-30T10:00:00Z'],
    ['Africa/Cairo', '2010-08-10T21:00:00Z'],
  ];
  for (const [name, change] of changes) {
    const zone = zoneOf(name);
    const at = Date.parse(change);
    const jump = zone.wallOf(at) - zone.wallOf(at - 1);
    assert.is.not(jump, 1, `${name} changes its clocks`);
    for (const ms of [-3_600_000, -1000, -1, 0, 1, 1000, 3_600_000])
      assert.is(zone.wallOf(at + ms), wallByIntl(name, at + ms), `${name} ${change} ${ms}`);
  }
});

test('an instant is found again by what the clock shows, unless it shows that twice', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), instant, (name, at) => {
      const zone = zoneOf(name);
      const wall = zone.wallOf(at);
      assert.is(zone.wallOf(zone.instantOf(wall)), wall, name);
    }),
  );
  const berlin = zoneOf('Europe/Berlin');
  const skipped = berlin.instantOf(Date.UTC(2026, 2, 29, 2, 30));
  assert.is(Math.abs(skipped - Date.UTC(2026, 2, 29, 1, 0)), 1_800_000);
});

test('beyond all dates a zone is as good as UTC', () => {
  for (const at of [8.64e15, -8.64e15, 9e15]) assert.is(zoneOf('Asia/Tokyo').wallOf(at), at);
});

test('the name of no zone is refused', () => {
  assert.throws(() => zoneOf('Mars/Olympus'), RangeError);
});

test.run();
