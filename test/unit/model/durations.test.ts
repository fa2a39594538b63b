import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import {
  formatCalendarDuration,
  formatDuration,
  parseCalendarDuration,
  parseDuration,
} from '../../../src/model/durations.ts';

test('durations are sums of units, the largest first', () => {
  assert.is(parseDuration('300ms'), 300);
  assert.is(parseDuration('1h30m'), 5_400_000);
  assert.is(parseDuration('7d'), 604_800_000);
  assert.is(parseDuration('1m5ms'), 60_005);
  assert.is(parseDuration('0s'), 0);
});

test('what is no duration is refused', () => {
  const wrong = [
    '',
    '30',
    '1.5h',
    '-1s',
    '1 h',
    '30m1h',
    '5s5s',
    'h',
    '1w',
    '99999999999999d',
    '1s\n',
  ];
  for (const text of wrong) assert.is(parseDuration(text), null, text);
});

test('a formatted duration reads back', () => {
  fc.assert(fc.property(fc.nat(2 ** 40), (ms) => parseDuration(formatDuration(ms)) === ms));
});

test('calendar durations read years, months, days and hours', () => {
  assert.equal(parseCalendarDuration('1y2m3d4h'), { years: 1, months: 2, days: 3, hours: 4 });
  assert.equal(parseCalendarDuration('2h'), { years: 0, months: 0, days: 0, hours: 2 });
  assert.equal(parseCalendarDuration('1y1d1m'), { years: 1, months: 1, days: 1, hours: 0 });
  for (const text of ['', '1s', '1h1h', '5', '30ms', '1h2', '-1d', '1h\n'])
    assert.is(parseCalendarDuration(text), null);
});

test('a formatted calendar duration reads back', () => {
  const part = fc.nat(9999);
  const spans = fc.record(
    { years: part, months: part, days: part, hours: part },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(spans, (span) => {
      assert.equal(parseCalendarDuration(formatCalendarDuration(span)), span);
    }),
  );
});

test.run();
