import * as assert from 'uvu/assert';
import { readRuns } from '../../../src/state/history.ts';
import { NOTHING, recorded } from '../../../src/usecases/recorded.ts';
import { runStep, type ScheduledStep } from '../../../src/usecases/scheduled.ts';
import { bareHost } from '../../support/api/context.ts';
import { test } from '../../support/suite.ts';

const occurrence = '2026-11-27T12:00:00.000Z';
const SCHEDULED: ScheduledStep = {
  schedule: { name: 'hourly', cron: '0 * * * *', agents: ['*'], run: ['snapshot'], jitterMs: 0 },
  cause: { trigger: 'schedule', schedule: 'hourly', occurrence },
  ...{ run: 'cafe', resumes: true, sinceMs: null },
};

test('a step that had ended when its process died is told as it ended, and is not run or recorded again', async () => {
  const host = await bareHost();
  try {
    const context = await host.context();
    const result = { ...NOTHING, snapshots: ['alpha@20261127T120000Z'], succeeded: 1 };
    await recorded(context, {
      ...{ command: 'snapshot', cause: SCHEDULED.cause, occasion: 'cafe' },
      work: async () => Promise.resolve(result),
      resultOf: (report) => report,
    });
    const again = await runStep(context, 'snapshot', SCHEDULED);
    assert.equal(again.snapshots, result.snapshots);
    assert.is(again.succeeded, 1);
    assert.is((await readRuns(context.config)).length, 1);
    // One that is of another run is begun: it is on record.
    await runStep(context, 'snapshot', { ...SCHEDULED, run: 'beef' });
    assert.is((await readRuns(context.config)).length, 2);
  } finally {
    host.remove();
  }
});

test.run();
