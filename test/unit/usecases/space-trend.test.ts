import * as assert from 'uvu/assert';
import type { Run } from '../../../src/model/run.ts';
import { slopeOf } from '../../../src/model/trend.ts';
import { trendFindings, type TrendGiven } from '../../../src/usecases/space-trend.ts';
import { test } from '../../support/suite.ts';

const GIB = 1024 ** 3;
const HOUR_MS = 3_600_000;
const NOW = new Date('2026-11-27T12:00:00Z');

/** One an hour back from now: what was free so many hours ago, in GiB of 100. */
function hourly(hours: number, free: (ago: number) => number, id = 'fs-1'): readonly Run[] {
  return Array.from({ length: hours }, (_, ago) => ({
    ...{ id: String(ago), command: 'snapshot', trigger: 'schedule', schedule: 's', event: null },
    ...{ occurrence: null, outcome: 'done', reason: null, snapshots: [], destroyed: 0 },
    ...{ frozenMs: null, failures: [], startedAt: at(ago), endedAt: at(ago) },
    filesystems: [{ id, freeBytes: free(ago) * GIB, sizeBytes: 100 * GIB }],
  }));
}

const at = (ago: number): string => new Date(NOW.getTime() - ago * HOUR_MS).toISOString();
const space = (free: number) => ({ id: 'fs-1', freeBytes: free * GIB, sizeBytes: 100 * GIB });

function say(
  runs: readonly Run[],
  free: number,
  over: Partial<TrendGiven> = {},
): readonly string[] {
  const limit = { kind: 'percent', percent: 10 } as const;
  const given = { filesystems: [space(free)], runs, limit, now: NOW, ...over };
  return trendFindings(given).map(
    ({ code, severity, message }) => `${severity} ${code} ${message}`,
  );
}

/** Two GiB a day. */
const shrinking = (ago: number): number => 20 + ago / 12;

test('says in how many days a filesystem falls below the limit', () => {
  const [said = '', ...more] = say(hourly(168, shrinking), 20);
  assert.equal(more, []);
  assert.match(said, /^warn SPACE_SHRINKING .*fs-1.* in about 5 days/);
  const limit = { kind: 'bytes', bytes: 16 * GIB } as const;
  assert.match(say(hourly(168, shrinking), 20, { limit })[0] ?? '', 'in about 2 days');
  assert.match(say(hourly(168, shrinking), 11)[0] ?? '', 'within a day or so');
});

test('what grows, stands still, has weeks to go or is below the limit by now has none', () => {
  assert.equal(
    say(
      hourly(168, (ago) => 50 - ago / 12),
      50,
    ),
    [],
  );
  assert.equal(
    say(
      hourly(168, () => 50),
      50,
    ),
    [],
  );
  assert.equal(say(hourly(168, shrinking), 60), []);
  assert.equal(say(hourly(168, shrinking), 9), []);
});

test('few records, or such of a short time, of another filesystem, of long ago or from the future say nothing', () => {
  assert.equal(
    say(
      hourly(7, (ago) => 20 + ago),
      20,
    ),
    [],
  );
  assert.equal(
    say(
      hourly(23, (ago) => 20 + ago),
      20,
    ),
    [],
  );
  assert.is(
    say(
      hourly(26, (ago) => 20 + ago),
      20,
    ).length,
    1,
  );
  assert.equal(say(hourly(168, shrinking, 'fs-2'), 20), []);
  const now = new Date(NOW.getTime() + 8 * 24 * HOUR_MS);
  assert.equal(say(hourly(168, shrinking), 20, { now }), []);
  assert.equal(say(hourly(168, shrinking), 20, { now: new Date(0) }), []);
});

test('what comes and goes every day, and one day on which much was copied, are no trend', () => {
  assert.equal(
    say(
      hourly(168, (ago) => 50 + (ago % 24) / 2),
      50,
    ),
    [],
  );
  const copied = (ago: number): number => (ago > 30 && ago < 40 ? 11 : 50);
  assert.equal(say(hourly(168, copied), 50), []);
});

test('the slope is the median of all', () => {
  const points = [0, 1, 2, 100, 4, 5].map((value, atMs) => ({ atMs, value }));
  assert.is(slopeOf(points), 1);
  assert.is(slopeOf([{ atMs: 1, value: 1 }]), null);
  assert.is(slopeOf([]), null);
});

test.run();
