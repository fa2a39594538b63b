import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseTime } from '../../../src/model/rfc3339.ts';

test('times are read with fractions and offsets', () => {
  const at = Date.UTC(2026, 10, 22, 11, 5, 3);
  assert.is(parseTime('2026-11-22T11:05:03Z'), at);
  assert.is(parseTime('2026-11-22t11:05:03z'), at);
  assert.is(parseTime('2026-11-22 12:05:03+01:00'), at);
  assert.is(parseTime('2026-11-22T05:35:03-05:30'), at);
  assert.is(parseTime('2026-11-22T11:05:03.1Z'), at + 100);
  assert.is(parseTime('2026-11-22T11:05:03.123987Z'), at + 123);
  assert.is(parseTime('0001-01-01T00:00:00Z'), Date.parse('0001-01-01T00:00:00Z'));
  assert.is(parseTime('2024-02-29T00:00:00Z'), Date.UTC(2024, 1, 29));
});

test('what is no time is refused', () => {
  const wrong = [
    ...['', 'now', '2026-11-22', '2026-11-22T11:05Z', '2026-11-22T11:05:03', '20261122T110503Z'],
    ...['2026-02-30T00:00:00Z', '2025-02-29T00:00:00Z', '2026-13-01T00:00:00Z'],
    ...['2026-00-01T00:00:00Z', '2026-01-00T00:00:00Z', '2026-01-01T24:00:00Z'],
    ...['2026-01-01T00:60:00Z', '2026-01-01T00:00:61Z', '2026-01-01T00:00:00+24:00'],
    ...['2026-01-01T00:00:00+01:60', '2026-01-01T00:00:00.Z', ' 2026-01-01T00:00:00Z'],
  ];
  for (const text of wrong) assert.is(parseTime(text), null, text);
});

test('what a date prints reads back', () => {
  const date = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  fc.assert(fc.property(date, (at) => parseTime(at.toISOString()) === at.getTime()));
});

test.run();
