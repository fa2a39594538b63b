import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import type { Candidate, Judged } from '../../../src/model/retention.ts';
import { apply, candidates, survivors, type Applied } from '../../support/retention/candidates.ts';

const NOW = '2026-11-22T12:00:00Z';

const iso = (ms: number) => new Date(ms).toISOString().replace('.000', '');

/** Time and reasons of each, newest first; what goes has none. */
function lines(times: readonly string[], applied: Partial<Applied>): string[] {
  const judged = apply(candidates(times), { policy: 'last=1', now: NOW, ...applied });
  return judged.map(({ candidate, reasons }) =>
    [iso(candidate.atMs), ...reasons].join(' ').trimEnd(),
  );
}

/** How long each survivor stays in any case: `never`, `ever` or a time. */
function stays(times: readonly string[], applied: Partial<Applied>): string[] {
  const judged = apply(candidates(times), { policy: 'last=1', now: NOW, ...applied });
  return judged.filter(({ reasons }) => reasons.length > 0).map(staying);
}

function staying({ staysMs }: Judged<Candidate>): string {
  if (staysMs === -Infinity) return 'no promise';
  return staysMs === Infinity ? 'for ever' : iso(staysMs);
}

test('the newest of a unit wins, and units without snapshots cost nothing', () => {
  const times = [
    ...['2026-11-22T10:00:00Z', '2026-11-22T09:00:00Z', '2026-11-10T23:59:59Z'],
    ...['2026-11-10T00:00:00Z', '2026-10-01T00:00:00Z', '2026-09-01T00:00:00Z'],
  ];
  assert.equal(lines(times, { policy: 'daily=3' }), [
    '2026-11-22T10:00:00Z daily',
    '2026-11-22T09:00:00Z',
    '2026-11-10T23:59:59Z daily',
    '2026-11-10T00:00:00Z',
    '2026-10-01T00:00:00Z daily',
    '2026-09-01T00:00:00Z',
  ]);
});

test('the oldest is kept while a bucket has quota left, and says so', () => {
  const times = ['2026-11-22T10:00:00Z', '2026-11-21T10:00:00Z', '2026-11-21T09:00:00Z'];
  assert.equal(lines(times, { policy: 'daily=3' }), [
    '2026-11-22T10:00:00Z daily',
    '2026-11-21T10:00:00Z daily',
    '2026-11-21T09:00:00Z oldest-daily',
  ]);
  assert.is(lines(times, { policy: 'daily=2' })[2], times[2]);
  assert.is(lines(times, { policy: 'daily=-1' })[2], `${times[2] ?? ''} oldest-daily`);
  assert.is(lines(times, { policy: 'withinDaily=9d' })[2], times[2]);
});

test('all reasons are told', () => {
  const policy = 'last=1,hourly=1,daily=1,weekly=1,monthly=1,yearly=1,within=1d,withinYearly=1d';
  assert.equal(lines(['2026-11-22T10:00:00Z'], { policy }), [
    '2026-11-22T10:00:00Z last hourly daily weekly monthly yearly within withinYearly',
  ]);
});

test('within counts back from the newest, whatever the time is, and its end is not in it', () => {
  const times = ['2020-05-03T10:00:00Z', '2020-05-02T10:00:00.001Z', '2020-05-02T10:00:00Z'];
  assert.equal(lines(times, { policy: 'within=1d' }), [
    '2020-05-03T10:00:00Z within',
    '2020-05-02T10:00:00.001Z within',
    '2020-05-02T10:00:00Z',
  ]);
});

test('what is from the future stays and counts for nothing', () => {
  const times = ['2036-01-01T00:00:00Z', '2026-11-22T11:00:00Z', '2026-11-22T08:00:00Z'];
  assert.equal(lines(times, { policy: 'last=1,within=2h' }), [
    '2036-01-01T00:00:00Z future',
    '2026-11-22T11:00:00Z last within',
    '2026-11-22T08:00:00Z',
  ]);
  assert.equal(lines(['2036-01-01T00:00:00Z'], {}), ['2036-01-01T00:00:00Z future']);
  assert.equal(lines(['2026-11-22T12:01:00Z'], {}), ['2026-11-22T12:01:00Z last']);
});

test('tags keep what has all of one list', () => {
  const tagged = (tags: readonly string[], index: number) => ({
    ...{ id: String(index), atMs: Date.parse(NOW) - index, tags },
  });
  const given = [['a=1', 'b=2'], ['a=1'], ['c=3'], []].map(tagged);
  const tags = [['a=1', 'b=2'], ['c=3']];
  const judged = apply(given, { policy: { counts: {}, within: {}, tags }, now: NOW });
  assert.equal(
    judged.map(({ reasons }) => reasons),
    [['tags'], [], ['tags'], []],
  );
});

test('equal times are separate, the one taken last is the newer', () => {
  const judged = apply(candidates([NOW, NOW, NOW]), { policy: 'last=1', now: NOW });
  assert.equal(
    survivors(judged).map(({ id }) => id),
    ['alpha@20261122T120000Z-2'],
  );
});

test('days, weeks and months are those of the time zone', () => {
  // In Auckland (UTC+13) these lie on Monday, 23, and on Sunday, 22.
  const times = ['2026-11-22T11:30:00Z', '2026-11-22T10:30:00Z'];
  assert.is(lines(times, { policy: 'daily=1,weekly=2' })[1], '2026-11-22T10:30:00Z oldest-weekly');
  const zone = 'Pacific/Auckland';
  assert.equal(lines(times, { policy: 'daily=1,weekly=2', zone }), [
    '2026-11-22T11:30:00Z daily weekly',
    '2026-11-22T10:30:00Z weekly',
  ]);
});

test('an hour that comes twice is one hour, and one that is skipped is none', () => {
  const zone = 'Europe/Berlin';
  const twice = ['2026-10-25T01:30:00Z', '2026-10-25T00:30:00Z', '2026-10-24T23:30:00Z'];
  assert.equal(lines(twice, { policy: 'hourly=2', zone }), [
    '2026-10-25T01:30:00Z hourly',
    '2026-10-25T00:30:00Z',
    '2026-10-24T23:30:00Z hourly',
  ]);
  const skipped = ['2026-03-29T01:30:00Z', '2026-03-29T00:30:00Z'];
  assert.equal(
    lines(skipped, { policy: 'hourly=9', zone }).map((line) => line.split(' ')[1]),
    ['hourly', 'hourly'],
  );
});

test('a leap day is a day, and the turn of a year may lie within a week', () => {
  const leap = ['2024-03-01T00:00:00Z', '2024-02-29T23:59:59Z', '2024-02-28T00:00:00Z'];
  assert.is(lines(leap, { policy: 'daily=3' }).filter((line) => / daily/.test(line)).length, 3);
  const year = ['2026-01-01T10:00:00Z', '2025-12-29T10:00:00Z', '2025-12-28T10:00:00Z'];
  assert.equal(lines(year, { policy: 'weekly=2,yearly=1' }), [
    '2026-01-01T10:00:00Z weekly yearly',
    '2025-12-29T10:00:00Z',
    '2025-12-28T10:00:00Z weekly',
  ]);
});

test('a survivor stays until units enough can have passed since', () => {
  const times = ['2026-11-22T10:00:00Z', '2026-11-21T10:00:00Z', '2026-11-03T10:00:00Z'];
  assert.equal(stays(times, { policy: 'daily=5' }), [
    'no promise',
    '2026-11-26T00:00:00Z',
    '2026-11-25T00:00:00Z',
  ]);
  assert.equal(stays(times, { policy: 'daily=5', zone: 'America/New_York' }), [
    'no promise',
    '2026-11-26T05:00:00Z',
    '2026-11-25T05:00:00Z',
  ]);
  assert.equal(stays(times, { policy: 'monthly=3,last=3' }), [
    'no promise',
    'no promise',
    '2027-01-01T00:00:00Z',
  ]);
});

test('where no snapshot has come for long, the next one may end it', () => {
  const times = ['2026-10-02T10:00:00Z', '2026-10-01T10:00:00Z'];
  assert.equal(stays(times, { policy: 'daily=2' }), [
    '2026-11-23T00:00:00Z',
    '2026-11-22T00:00:00Z',
  ]);
});

test('or until it is too old; or for ever', () => {
  const times = ['2026-11-22T10:00:00Z', '2026-11-22T09:00:00Z', '2026-10-31T10:00:00Z'];
  assert.equal(stays(times, { policy: 'within=1m' }), [
    '2026-12-22T10:00:00Z',
    '2026-12-22T09:00:00Z',
    '2026-12-01T00:00:00Z',
  ]);
  assert.equal(stays(times, { policy: 'withinDaily=2m' }), ['no promise', '2026-12-31T10:00:00Z']);
  assert.equal(stays(times, { policy: 'last=-1' }), ['for ever', 'for ever', 'for ever']);
  assert.equal(stays(times, { policy: 'daily=-1' }), ['no promise', 'for ever']);
});

test('a policy that keeps nothing is refused', () => {
  const policy = { counts: { last: 0 }, within: {}, tags: [] };
  try {
    apply([], { policy, now: NOW });
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof CowherdError && error.code, 'POLICY_EMPTY');
  }
});

test.run();
