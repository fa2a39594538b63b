import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { problemsOf, type Pass } from '../../../src/daemon/problems.ts';
import type { ErrorCode, Failure } from '../../../src/model/errors.ts';
import type { Finding } from '../../../src/usecases/finding.ts';
import type { ScheduleRun } from '../../../src/usecases/run-due.ts';

const failure = (agent: string | null, code: ErrorCode = 'HOOK_FAILED'): Failure => ({
  ...{ agent, code, message: `${code} happened`, hint: 'mend it' },
});

const run = (over: Partial<ScheduleRun> = {}): ScheduleRun => ({
  ...{ schedule: 'often', occurrence: '2026-11-22T12:00:00.000Z', outcome: 'done' },
  ...{ snapshots: [], destroyed: 0, failures: [] },
  ...over,
});

const found = (code: string, over: Partial<Finding> = {}): Finding => {
  const rest = { severity: 'warn', agent: null, volume: null, message: code, mend: null };
  return { ...rest, code, ...over } as Finding;
};

const of = (pass: Partial<Pass>) =>
  problemsOf({ runs: [], findings: null, schedules: ['often'], ...pass });
const keys = (pass: Partial<Pass>) => of(pass).problems.map(({ key }) => key);

test('what fails in a schedule’s run is a problem of schedule and agent', () => {
  const failures = [failure('alpha'), failure(null, 'DOCKER_UNREACHABLE')];
  const { problems } = of({ runs: [run({ outcome: 'failed', failures })] });
  const rest = { kind: 'failure', hint: 'mend it' };
  assert.equal(problems, [
    {
      ...{ key: 'schedule-failing:often:alpha', agent: 'alpha', code: 'HOOK_FAILED' },
      ...{ message: 'HOOK_FAILED happened', ...rest },
    },
    {
      ...{ key: 'schedule-failing:often', agent: null, code: 'DOCKER_UNREACHABLE' },
      ...{ message: 'DOCKER_UNREACHABLE happened', ...rest },
    },
  ]);
});

test('a lock and an interruption are no problem, and end none', () => {
  const locked = of({ runs: [run({ outcome: 'failed', failures: [failure('alpha', 'LOCKED')] })] });
  assert.equal(locked.problems, []);
  assert.not(locked.isOver('schedule-failing:often:alpha'));
  assert.ok(locked.isOver('schedule-failing:often:beta'));
  const failures = [failure('alpha', 'TOOL_FAILED'), failure(null, 'INTERRUPTED')];
  const interrupted = of({ runs: [run({ outcome: 'interrupted', failures })] });
  assert.equal(interrupted.problems, []);
  assert.not(interrupted.isOver('schedule-failing:often:alpha'));
  assert.not(of({ runs: [run({ outcome: 'skipped' })] }).isOver('schedule-failing:often:alpha'));
});

test('a failure is over when its schedule ran without it, or is gone', () => {
  const key = 'schedule-failing:often:alpha';
  assert.not(of({}).isOver(key));
  assert.not(of({ runs: [run({ schedule: 'nightly' })] }).isOver(key));
  assert.ok(of({ runs: [run()] }).isOver(key));
  assert.ok(of({ runs: [run()] }).isOver('schedule-failing:often'));
  assert.ok(of({ schedules: ['nightly'] }).isOver(key));
});

test('where nobody was reached only those who were captured are well', () => {
  const failures = [failure(null, 'DOCKER_UNREACHABLE')];
  const { isOver } = of({
    runs: [run({ outcome: 'partly', failures, snapshots: ['beta@20261122T120000Z'] })],
  });
  assert.not(isOver('schedule-failing:often'));
  assert.not(isOver('schedule-failing:often:alpha'));
  assert.ok(isOver('schedule-failing:often:beta'));
});

test('of two runs of a schedule in one pass the last counts', () => {
  const bad = run({ outcome: 'failed', failures: [failure('alpha')] });
  assert.equal(keys({ runs: [bad, run()] }), []);
  assert.equal(keys({ runs: [run(), bad] }), ['schedule-failing:often:alpha']);
});

test('a colon in a name stays within it', () => {
  const runs = [run({ schedule: 'a:b', outcome: 'failed', failures: [failure('x')] })];
  assert.equal(keys({ runs, schedules: ['a:b'] }), ['schedule-failing:a%3Ab:x']);
  const { isOver } = of({ runs: [run({ schedule: 'a:b' })], schedules: ['a:b'] });
  assert.ok(isOver('schedule-failing:a%3Ab:x'));
  assert.not(of({ schedules: ['a:b'] }).isOver('schedule-failing:a%3Ab:x'));
});

test('of the findings those are problems that need a person soon', () => {
  const findings = [
    found('OVERDUE', { agent: 'alpha', mend: 'look' }),
    found('LOW_SPACE'),
    found('LOW_SPACE', { filesystem: 'f1' }),
    found('LOW_SPACE', { filesystem: 'f2' }),
    found('OVERDUE', { agent: 'beta', severity: 'info' }),
    found('NOT_ISOLATED', { agent: 'alpha' }),
  ];
  const { problems } = of({ findings });
  assert.equal(
    problems.map(({ key, kind, hint }) => [key, kind, hint]),
    [
      ['overdue:alpha', 'overdue', 'look'],
      ['low-space', 'failure', ''],
      ['low-space:f1', 'failure', ''],
      ['low-space:f2', 'failure', ''],
    ],
  );
});

test('a finding is over when status was asked and saw everything', () => {
  assert.ok(of({ findings: [] }).isOver('overdue:alpha'));
  assert.not(of({ findings: null }).isOver('overdue:alpha'));
  for (const code of ['DOCKER_UNREACHABLE', 'HOST_UNREADABLE', 'STORE_UNREADABLE'])
    assert.not(of({ findings: [found(code)] }).isOver('overdue:alpha'), code);
});

test('texts are cut, whatever a tool has said', () => {
  const failures = [{ ...failure('alpha'), message: 'x'.repeat(1e6), hint: 'y'.repeat(1e6) }];
  const [problem] = of({ runs: [run({ outcome: 'failed', failures })] }).problems;
  assert.equal([problem!.message.length, problem!.hint.length], [500, 500]);
});

test.run();
