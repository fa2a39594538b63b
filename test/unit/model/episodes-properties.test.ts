import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CHANNELS, type Channel } from '../../../src/model/episodes.ts';
import { taken, type Seen } from '../../support/notify/taken.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const KEYS = ['a', 'b', 'c'];
const series = fc.array(
  fc.record({
    stepMs: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 60 * MINUTE }) },
      { weight: 1, arbitrary: fc.integer({ min: -400 * DAY, max: 400 * DAY }) },
    ),
    present: fc.subarray(KEYS),
    looked: fc.subarray(KEYS),
    taking: fc.subarray([...CHANNELS]),
  }),
  { maxLength: 40 },
);

interface Step extends Required<Omit<Seen, 'nowMs'>> {
  readonly stepMs: number;
}

function timed(steps: readonly Step[]): readonly (Step & Seen)[] {
  let nowMs = 1000 * DAY;
  return steps.map((step) => ({ ...step, nowMs: (nowMs += step.stepMs) }));
}

/** What a channel took of one key, in order. */
function told(log: readonly (readonly string[])[], channel: Channel, key: string) {
  return log
    .flat()
    .map((line) => line.split(' '))
    .filter(([to, , of]) => to === channel && of === key)
    .map(([, kind]) => kind);
}

test('whatever comes, no channel is told of a beginning twice, or of an end twice', () => {
  fc.assert(
    fc.property(series, (steps) => {
      const { log } = taken(timed(steps));
      for (const channel of CHANNELS)
        for (const key of KEYS) {
          const edges = told(log, channel, key).filter((kind) => kind !== 'reminder');
          edges.forEach((kind, index) => {
            // An end may follow an end only where the channel was not reached in between.
            if (kind === 'failure') assert.is.not(edges[index - 1], 'failure');
          });
        }
    }),
  );
});

test('to a channel that takes everything beginning and end alternate, one of each an episode', () => {
  fc.assert(
    fc.property(series, (steps) => {
      const passes = timed(steps).map(({ nowMs, present, looked }) => ({ nowMs, present, looked }));
      const { log, episodes } = taken(passes);
      for (const key of KEYS) {
        const expected: string[] = [];
        let lasts = false;
        for (const { present, looked } of passes) {
          const was: boolean = lasts;
          lasts = present.includes(key) || (lasts && !looked.includes(key));
          if (lasts !== was) expected.push(lasts ? 'failure' : 'recovery');
        }
        for (const channel of CHANNELS) {
          const edges = told(log, channel, key).filter((kind) => kind !== 'reminder');
          assert.equal(edges, expected);
        }
        assert.is(
          episodes.some((episode) => episode.key === key),
          lasts,
        );
      }
    }),
  );
});

test('there are no more reminders than days that the clock went forward', () => {
  fc.assert(
    fc.property(series, (steps) => {
      const passes = timed(steps);
      const { log } = taken(passes);
      const forward = passes.map(({ stepMs }) => Math.max(0, stepMs));
      const days = forward.reduce((sum, ms) => sum + ms, 0) / DAY;
      for (const channel of CHANNELS)
        for (const key of KEYS) {
          const reminders = told(log, channel, key).filter((kind) => kind === 'reminder');
          assert.ok(reminders.length <= days);
        }
    }),
  );
});

test('a step of the clock, however long, gives one reminder at most; one backwards none', () => {
  fc.assert(
    fc.property(series, (steps) => {
      const passes = timed(steps);
      const { log } = taken(passes);
      log.forEach((lines) => {
        const reminders = lines.filter((line) => line.includes(' reminder '));
        assert.is(new Set(reminders).size, reminders.length);
      });
      const back = timed(steps.map((step) => ({ ...step, stepMs: -Math.abs(step.stepMs) })));
      assert.not.match(taken(back).log.flat().join('\n'), 'reminder');
    }),
  );
});

test('once it is told, a pass that is just like the last has nothing to tell', () => {
  fc.assert(
    fc.property(series, fc.subarray(KEYS), (steps, present) => {
      const passes = timed(steps);
      const nowMs = passes.at(-1)?.nowMs ?? 0;
      const { log } = taken([...passes, { nowMs, present }, { nowMs, present }]);
      assert.equal(log.at(-1), []);
    }),
  );
});

test.run();
