import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parsePolicy } from '../../../src/model/policy-text.ts';
import {
  planPrune,
  type AgentRetention,
  type Prunable,
  type PruneOptions,
} from '../../../src/model/prune-plan.ts';
import { isAhead } from '../../../src/model/snapshot-id.ts';
import { zoneOf } from '../../../src/model/zone.ts';
import { NOW, policies, timesFrom, zones } from '../../support/retention/arbitraries.ts';
import { candidates } from '../../support/retention/candidates.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const UTC = zoneOf('UTC');

const RETENTION: AgentRetention = {
  ...{ rules: parsePolicy('last=1'), minimum: 0, maxDestroyRatio: 1, safetyForMs: 7 * DAY_MS },
};

type Marks = Partial<Pick<Prunable, 'pinned' | 'safety' | 'former' | 'tags'>>;

/** One a day back from NOW, the newest first. */
function points(marks: readonly Marks[]): readonly Prunable[] {
  const dated = candidates(marks.map((_, index) => NOW - index * DAY_MS));
  return dated.map((candidate, index) => ({
    ...candidate,
    ...{ pinned: false, safety: false, former: false },
    ...marks[index],
  }));
}

const PLAIN: Marks = {};

/** Reasons of each, newest first; none for what goes. */
function reasons(
  given: readonly Prunable[],
  retention: Partial<AgentRetention> = {},
  options: Partial<PruneOptions> = {},
): string[] {
  const plan = planPrune(
    given,
    { ...RETENTION, ...retention },
    { nowMs: NOW, zone: UTC, force: false, ...options },
  );
  const kept = new Map(plan.keep.map((one) => [one.candidate, one.reasons.join(' ')]));
  assert.is(plan.keep.length + plan.destroy.length, given.length);
  return [...given].sort((a, b) => b.atMs - a.atMs).map((point) => kept.get(point) ?? '');
}

test('the newest and the minimum stay beside what the rules keep', () => {
  const given = points([PLAIN, PLAIN, PLAIN, PLAIN]);
  assert.equal(reasons(given, { minimum: 2 }), ['last newest minimum', 'minimum', '', '']);
  const rules = parsePolicy('within=1h');
  assert.equal(reasons(given, { rules }), ['within newest', '', '', '']);
});

test('the pinned stay, and the last of a former incarnation', () => {
  const given = points([PLAIN, { pinned: true }, { former: true, pinned: true }, PLAIN]);
  assert.equal(reasons(given), ['last newest', 'pinned', 'pinned former-incarnation', '']);
});

test('safety snapshots stay their time, and count for nothing else', () => {
  const given = points([{ safety: true }, PLAIN, { safety: true, pinned: true }, PLAIN]);
  const wanted = ['safety', 'last newest minimum', 'pinned safety', 'minimum'];
  assert.equal(reasons(given, { minimum: 2 }), wanted);
  const old = points([...Array<Marks>(7).fill(PLAIN), { safety: true }]);
  assert.is(reasons(old)[7], '', 'seven days are over');
  assert.is(reasons(old, { safetyForMs: 7 * DAY_MS + 1 })[7], 'safety');
});

test('what is from the future stays, and is neither the newest nor of the minimum', () => {
  const given = points([PLAIN, { safety: true }, PLAIN, PLAIN]);
  const nowMs = NOW - 1.5 * DAY_MS;
  assert.equal(reasons(given, { minimum: 1 }, { nowMs }), [
    ...['future', 'safety future', 'last newest minimum', ''],
  ]);
  assert.is(reasons(points([PLAIN]), {}, { nowMs })[0], 'future newest', 'while there is no other');
});

test('of ten or more only a part goes at once, the oldest first', () => {
  const ten = points(Array<Marks>(10).fill(PLAIN));
  const half = { maxDestroyRatio: 0.5 };
  const deferred = ['deferred', 'deferred', 'deferred', 'deferred'];
  assert.equal(reasons(ten, half), ['last newest', ...deferred, '', '', '', '', '']);
  assert.is(reasons(ten, half, { force: true }).filter((why) => why === '').length, 9);
  const nine = ten.slice(0, 9);
  assert.is(reasons(nine, half).filter((why) => why === '').length, 8, 'of nine all may go');
  const none = reasons(ten, { maxDestroyRatio: 0 });
  assert.is(none.filter((why) => why === 'deferred').length, 9);
});

test('the part is of all restore points, and exact', () => {
  const hundred = points(Array<Marks>(100).fill(PLAIN));
  const gone = (maxDestroyRatio: number) =>
    reasons(hundred, { maxDestroyRatio }).filter((why) => why === '').length;
  assert.equal([0.29, 0.57, 0.58, 0.999, 0.005].map(gone), [29, 57, 58, 99, 0]);
});

test('what is deferred goes with the next runs', () => {
  let left = points(Array<Marks>(40).fill(PLAIN));
  const sizes = [];
  for (let run = 0; run < 5; run += 1) {
    const options = { nowMs: NOW, zone: UTC, force: false };
    const { keep } = planPrune(left, { ...RETENTION, maxDestroyRatio: 0.5 }, options);
    left = keep.map(({ candidate }) => candidate);
    sizes.push(left.length);
  }
  assert.equal(sizes, [20, 10, 5, 1, 1]);
});

test('a safety snapshot says until when, a pin for ever', () => {
  const given = points([PLAIN, { safety: true }, { pinned: true }]);
  const { keep } = planPrune(given, RETENTION, { nowMs: NOW, zone: UTC, force: false });
  assert.equal(
    keep.map(({ staysMs }) => staysMs),
    [-Infinity, NOW + 6 * DAY_MS, Infinity],
  );
});

const marks = fc.record({
  pinned: fc.boolean(),
  safety: fc.boolean(),
  former: fc.boolean(),
  tags: fc.constant([]),
});
const herd = timesFrom(0).chain((times) =>
  fc
    .array(marks, { minLength: times.length, maxLength: times.length })
    .map((all) =>
      candidates(times).map((one, at) => ({ ...one, ...(all[at] as Required<Marks>) })),
    ),
);
const retentions = policies('all').chain((rules) =>
  fc.record({
    rules: fc.constant(rules),
    minimum: fc.nat(5),
    maxDestroyRatio: fc.double({ min: 0, max: 1, noNaN: true }),
    safetyForMs: fc.nat(30).map((days) => days * DAY_MS),
  }),
);
/** The clock is right, or years behind or ahead. */
const clocks = fc.oneof(fc.constant(NOW), fc.integer({ min: Date.UTC(1999, 0, 1), max: 2 * NOW }));

test('never a protected one, whatever the clock says, and no more than may go', () => {
  fc.assert(
    fc.property(
      fc.record({ given: herd, retention: retentions, nowMs: clocks, zone: zones }),
      ({ given, retention, nowMs, zone }) => {
        const options = { nowMs, zone: zoneOf(zone), force: false };
        const { keep, destroy } = planPrune(given, retention, options);
        assert.is(
          new Set([...keep.map(({ candidate }) => candidate), ...destroy]).size,
          given.length,
        );
        assert.ok(keep.every((one) => one.reasons.length > 0));
        for (const point of destroy) {
          assert.not.ok(point.pinned || point.former || isAhead(point.atMs, nowMs));
          assert.not.ok(point.safety && nowMs < point.atMs + retention.safetyForMs);
          if (point.safety) continue;
          const newer = given.filter(
            (one) => !one.safety && one.atMs >= point.atMs && one !== point,
          );
          const past = newer.filter(({ atMs }) => !isAhead(atMs, nowMs));
          assert.ok(past.length >= Math.max(1, retention.minimum));
        }
        const most = Math.floor(retention.maxDestroyRatio * given.length + 1e-9);
        assert.ok(given.length < 10 || destroy.length <= most);
      },
    ),
    { numRuns: 500 },
  );
});

test('forced, a second time takes nothing more', () => {
  fc.assert(
    fc.property(herd, retentions, clocks, (given, retention, nowMs) => {
      const options = { nowMs, zone: UTC, force: true };
      const first = planPrune(given, retention, options).keep.map(({ candidate }) => candidate);
      const second = planPrune(first, retention, options);
      assert.equal(second.destroy, []);
    }),
  );
});

test('run after run comes to the same as forced, while time stands still', () => {
  fc.assert(
    fc.property(herd, retentions, clocks, (given, retention, nowMs) => {
      const gentle = { ...retention, maxDestroyRatio: 0.2 + retention.maxDestroyRatio * 0.8 };
      const options = { nowMs, zone: UTC };
      let left: readonly Prunable[] = given;
      for (let run = 0; run < 40; run += 1)
        left = planPrune(left, gentle, { ...options, force: false }).keep.map(
          ({ candidate }) => candidate,
        );
      const forced = planPrune(given, gentle, { ...options, force: true });
      assert.equal(
        left,
        forced.keep.map(({ candidate }) => candidate),
      );
    }),
  );
});

test.run();
