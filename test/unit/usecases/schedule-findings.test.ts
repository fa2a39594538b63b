import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import type { Run } from '../../../src/model/run.ts';
import { failingFindings, overdueFindings } from '../../../src/usecases/schedule-findings.ts';
import { test } from '../../support/suite.ts';

const HOUR_MS = 3_600_000;

async function given(schedules: string) {
  const config = await parseConfig(`schedules: [${schedules}]`, {
    ...{ file: 'c.yaml', hostname: 'box' },
  });
  return { config, now: () => new Date('2026-11-27T12:10:00Z') };
}

const HOURLY = "{ name: hourly, cron: '0 * * * *', agents: ['team-*'], run: [snapshot] }";
const DAILY = "{ name: daily, cron: '0 3 * * *', run: [snapshot, prune] }";
const PRUNE = "{ name: tidy, cron: '*/5 * * * *', run: [prune] }";

const aged = (name: string, hours: number | null) => ({
  ...{ name, ageMs: hours === null ? null : hours * HOUR_MS },
});

async function overdue(schedules: string, ...agents: ReturnType<typeof aged>[]) {
  return overdueFindings(await given(schedules), agents).map(({ agent }) => agent);
}

test('who has had no restore point for two intervals is overdue, by the schedule that takes them most often', async () => {
  const all = `${DAILY}, ${HOURLY}, ${PRUNE}`;
  assert.equal(await overdue(all, aged('team-a', 2), aged('team-b', 2.1)), ['team-b']);
  assert.equal(await overdue(all, aged('other', 47.9), aged('late', 48.1)), ['late']);
});

test('who was never captured, and whom no schedule captures, is not overdue', async () => {
  assert.equal(await overdue(HOURLY, aged('team-a', null), aged('other', 1_000)), []);
  assert.equal(await overdue(PRUNE, aged('team-a', 1_000)), []);
});

test('what is overdue says how old and how often, and that it is an error', async () => {
  const [finding] = overdueFindings(await given(HOURLY), [aged('team-a', 3.5)]);
  assert.is(finding?.code, 'OVERDUE');
  assert.is(finding?.severity, 'error');
  assert.match(finding?.message ?? '', '3h30m');
  assert.match(finding?.message ?? '', /every 1h$/);
  assert.type(finding?.mend, 'string');
});

const failure = { agent: 'team-a', code: 'NO_SPACE', message: 'it is full', hint: 'free some' };
const run = (schedule: string | null, outcome: Run['outcome'], failures: unknown[] = []): Run => ({
  ...{ id: 'x', command: 'snapshot', trigger: 'schedule', event: null, reason: null },
  ...{ startedAt: '2026-11-27T12:00:00Z', endedAt: null, occurrence: null, snapshots: [] },
  ...{ destroyed: 0, frozenMs: null, filesystems: [], schedule, outcome },
  failures: failures as Run['failures'],
});

async function failing(...runs: readonly Run[]) {
  return failingFindings(await given(`${HOURLY}, ${DAILY}`), runs);
}

test('a schedule whose last run failed, or failed for some, is failing', async () => {
  for (const outcome of ['failed', 'partly'] as const) {
    const findings = await failing(run('hourly', outcome, [failure]), run('daily', 'done'));
    assert.equal(
      findings.map(({ code, severity, mend }) => [code, severity, mend]),
      [['SCHEDULE_FAILING', 'error', 'free some']],
    );
    for (const part of ['hourly', 'team-a', 'NO_SPACE', 'it is full'])
      assert.match(findings[0]?.message ?? '', part);
  }
});

test('what was skipped, cut short or is under way says nothing; what came after a failure does', async () => {
  const failed = run('hourly', 'failed', [failure]);
  for (const outcome of ['skipped', 'interrupted', 'running'] as const)
    assert.is((await failing(run('hourly', outcome), failed)).length, 1, outcome);
  assert.equal(await failing(run('hourly', 'done'), failed), []);
});

test('runs by hand, and of schedules that are no more, are nobody’s failure', async () => {
  assert.equal(await failing(run(null, 'failed', [failure]), run('gone', 'failed', [failure])), []);
});

test.run();
