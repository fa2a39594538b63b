import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Candidate } from '../../../src/model/retention.ts';
import { COUNT_RULES, type RetentionPolicy } from '../../../src/model/retention-policy.ts';
import { NOW, policies, timesFrom, zones } from '../../support/retention/arbitraries.ts';
import { apply, candidates, survivors } from '../../support/retention/candidates.ts';
import { reference, unitsIn } from '../../support/retention/reference.ts';

const ids = (given: readonly Candidate[]) => given.map(({ id }) => id);
const unique = (times: readonly number[]) => [...new Set(times)];
const named = (times: readonly number[]): readonly Candidate[] =>
  times.map((atMs) => ({ id: `${new Date(atMs).toISOString()} ${atMs}`, atMs, tags: [] }));

test('what stays, and why, is what the rules say in plain words, in every zone and season', () => {
  fc.assert(
    fc.property(timesFrom(1), policies('all'), zones, (times, policy, zone) => {
      const given = named(unique(times)).map((candidate, index) => ({
        ...candidate,
        tags: index % 7 === 0 ? ['t=1'] : [],
      }));
      const tagged = { ...policy, tags: [['t=1']] };
      const judged = apply(given, { policy: tagged, now: NOW, zone });
      const found = Object.fromEntries(judged.map((one) => [one.candidate.id, one.reasons]));
      assert.equal(found, reference(given, tagged, zone));
    }),
    { numRuns: 500 },
  );
});

test('the order they are given in does not matter, nor does it among equal times', () => {
  const both = timesFrom(0).chain((times) => {
    const twice = candidates([...times, ...times.slice(0, 5)]);
    return fc.tuple(
      fc.constant(twice),
      fc.shuffledSubarray(twice, { minLength: twice.length, maxLength: twice.length }),
    );
  });
  fc.assert(
    fc.property(both, policies('all'), zones, ([given, shuffled], policy, zone) => {
      const applied = { policy, now: NOW, zone };
      assert.equal(apply(shuffled, applied), apply(given, applied));
    }),
  );
});

test('what stays stays when it is done again', () => {
  fc.assert(
    fc.property(timesFrom(0), policies('all'), zones, (times, policy, zone) => {
      const applied = { policy, now: NOW, zone };
      const once = survivors(apply(candidates(times), applied));
      assert.equal(survivors(apply(once, applied)), once);
    }),
  );
});

test('a higher count keeps no less, and -1 no less than any', () => {
  const grown = fc.tuple(policies('all'), fc.constantFrom(...COUNT_RULES), fc.nat(6));
  fc.assert(
    fc.property(timesFrom(0), grown, zones, (times, [policy, rule, count], zone) => {
      const keptWith = (value: number) => {
        const counts = { ...policy.counts, last: 1, [rule]: value };
        const applied = { policy: { ...policy, counts }, now: NOW, zone };
        return ids(survivors(apply(candidates(times), applied)));
      };
      const more = keptWith(count + 1);
      for (const id of keptWith(count)) assert.ok(more.includes(id));
      const all = keptWith(-1);
      for (const id of more) assert.ok(all.includes(id));
    }),
  );
});

interface Pruned {
  readonly policy: RetentionPolicy;
  readonly zone: string;
}

/** What is left after a prune after every snapshot, and after one prune at the end; newest first. */
function eachAndOnce(times: readonly number[], { policy, zone }: Pruned) {
  const taken = named(unique(times).sort((a, b) => a - b));
  let each: readonly Candidate[] = [];
  for (const candidate of taken)
    each = survivors(apply([...each, candidate], { policy, zone, now: candidate.atMs }));
  const once = survivors(apply(taken, { policy, zone, now: taken.at(-1)?.atMs ?? 0 }));
  return { taken: taken.toReversed(), each, once };
}

test('a prune after every snapshot leaves what one prune at the end does', () => {
  fc.assert(
    fc.property(timesFrom(1), policies('hours'), zones, (times, policy, zone) => {
      const { each, once } = eachAndOnce(times, { policy, zone });
      assert.equal(each, once);
    }),
  );
  fc.assert(
    fc.property(timesFrom(1), policies('days'), (times, policy) => {
      const { each, once } = eachAndOnce(times, { policy, zone: 'UTC' });
      assert.equal(each, once);
    }),
  );
});

test('but for a duration that goes back less far a day later: then it leaves less, and never the newest of a bucket', () => {
  // A month before March 31 is March 3, a month before April 1 is March 1.
  const times = ['2026-03-02T00:00:00Z', '2026-03-31T00:00:00Z', '2026-04-01T00:00:00Z'];
  const policy = {
    ...{ counts: {}, tags: [] },
    within: { within: { years: 0, months: 1, days: 0, hours: 0 } },
  };
  const parsed = times.map((text) => Date.parse(text));
  const { each, once } = eachAndOnce(parsed, { policy, zone: 'UTC' });
  assert.equal([each.length, once.length], [2, 3]);
  fc.assert(
    fc.property(timesFrom(1), policies('all'), zones, (given, rules, zone) => {
      const left = eachAndOnce(given, { policy: rules, zone });
      for (const id of ids(left.each)) assert.ok(ids(left.once).includes(id));
      for (const { id } of newestOfBuckets(left.taken, { policy: rules, zone }))
        assert.ok(ids(left.each).includes(id) && ids(left.once).includes(id));
    }),
  );
});

/** The newest of each unit that a count has quota for. */
function newestOfBuckets(taken: readonly Candidate[], { policy, zone }: Pruned) {
  const units = unitsIn(zone);
  return COUNT_RULES.filter((rule) => rule !== 'last').flatMap((rule) => {
    const firsts = new Map<string, Candidate>();
    for (const candidate of taken) {
      const unit = units(candidate.atMs)[rule] ?? '';
      if (!firsts.has(unit)) firsts.set(unit, candidate);
    }
    const count = policy.counts[rule] ?? 0;
    return [...firsts.values()].slice(0, count === -1 ? Infinity : count);
  });
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test('a survivor stays as long as is said, whatever is captured and pruned meanwhile', () => {
  const later = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });
  fc.assert(
    fc.property(timesFrom(1), policies('all'), zones, later, (times, policy, zone, parts) => {
      const given = named(unique(times));
      const now = Math.max(...times) + HOUR_MS;
      let left = survivors(apply(given, { policy, zone, now }));
      const judged = apply(given, { policy, zone, now });
      const dated = judged.filter(({ staysMs }) => staysMs > now && staysMs < now + 4000 * DAY_MS);
      const [said] = dated.sort((a, b) => b.staysMs - a.staysMs);
      if (said === undefined) return;
      // Where clocks change an hour beside it.
      const end = said.staysMs - 1 - (zone === 'UTC' ? 0 : HOUR_MS);
      if (end < now) return;
      const arrivals = parts.map((part) => Math.floor(now + part * (end - now)));
      for (const at of [...unique(arrivals).sort((a, b) => a - b), end]) {
        left = survivors(apply([...left, ...named([at])], { policy, zone, now: at }));
        assert.ok(ids(left).includes(said.candidate.id), `gone at ${new Date(at).toISOString()}`);
      }
    }),
    { numRuns: 500 },
  );
});

test('and goes then, when there was a snapshot in every unit since', () => {
  fc.assert(
    fc.property(timesFrom(1, 8), policies('days'), (times, { counts, within }) => {
      const bounded = { ...counts, last: 0, hourly: 2, daily: 3 };
      const policy = { counts: bounded, within, tags: [] };
      const given = named(unique(times));
      const now = Math.max(...times);
      for (const { candidate, staysMs } of apply(given, { policy, zone: 'UTC', now })) {
        if (staysMs <= now || staysMs > now + 60 * DAY_MS) continue;
        const since = [];
        for (let at = now + 1; at < staysMs + HOUR_MS; at += HOUR_MS / 2) since.push(at);
        const all = [...given, ...named([...since, staysMs])];
        const kept = survivors(apply(all, { policy, zone: 'UTC', now: staysMs + HOUR_MS }));
        assert.not.ok(ids(kept).includes(candidate.id), candidate.id);
      }
    }),
  );
});

test.run();
