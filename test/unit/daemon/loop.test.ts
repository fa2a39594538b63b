import * as assert from 'uvu/assert';
import { runSchedules } from '../../../src/daemon/loop.ts';
import type { Schedule } from '../../../src/usecases/scheduled.ts';
import type { ScheduleRun } from '../../../src/usecases/run-due.ts';
import { test } from '../../support/suite.ts';

const OFTEN: Schedule = {
  ...{ name: 'often', cron: '*/15 * * * *', agents: ['*'], run: ['snapshot'], jitterMs: 0 },
};

test('what cannot be looked at fails, and is looked at again', async () => {
  const ended = new AbortController();
  const runs: ScheduleRun[] = [];
  const slept: number[] = [];
  await runSchedules({
    schedules: () => [OFTEN],
    ports: () => Promise.reject(new Error('no such zone')),
    sleep: (ms) => {
      slept.push(ms);
      if (slept.length === 3) ended.abort();
      return new Promise((resolve) => setImmediate(resolve));
    },
    interrupt: ended.signal,
    underWay: new Set(),
    ran: (run) => runs.push(run),
  });
  assert.equal(slept, [30_000, 30_000, 30_000]);
  assert.ok(runs.length >= 2);
  for (const { outcome, failures } of runs)
    assert.equal([outcome, failures[0]?.code], ['failed', 'INTERNAL']);
});

test.run();
