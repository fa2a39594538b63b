import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import { RUN_TAG } from '../../../src/model/run.ts';
import type { Progress } from '../../../src/state/run-schema.ts';
import { NOTHING } from '../../../src/usecases/recorded.ts';
import { runDue } from '../../../src/usecases/run-due.ts';
import type { SchedulePorts } from '../../../src/usecases/schedule-ports.ts';
import { takenFor, type ScheduledStep } from '../../../src/usecases/scheduled.ts';
import { restorePoint } from '../../support/placed.ts';
import { test } from '../../support/suite.ts';

const HOURLY = {
  ...{ name: 'hourly', cron: '0 * * * *', agents: ['*'], run: ['snapshot' as const], jitterMs: 0 },
};
const died = new Error('the process died');

/** A host at a time of this day, with what is on record of the schedule. */
function host(progress: Progress | null = null) {
  const interrupt = new AbortController();
  const seen = {
    ...{ isLoose: false, isFull: false },
    ...{ time: '12:00:01', progress, interrupt, performed: [] as ScheduledStep[] },
    skipped: [] as string[],
    work: (): void => undefined,
  };
  let runs = 0;
  const ports: SchedulePorts = {
    now: () => new Date(`2026-11-27T${seen.time}Z`),
    ...{ host: 'box', timezone: 'UTC', interrupt: interrupt.signal, tell: () => undefined },
    random: () => `run-${(runs += 1)}`,
    lock: async () => ({ release: () => undefined }),
    readProgress: async () => seen.progress,
    isProgressLoose: async () => seen.isLoose,
    writeProgress: async (_schedule, written) => {
      seen.progress = written;
      seen.isLoose = seen.isFull;
    },
    perform: async (_step, scheduled) => {
      seen.performed.push(scheduled);
      seen.work();
      return { ...NOTHING, succeeded: 1 };
    },
    skip: async (_command, cause, reason) => {
      const occurrence = cause.trigger === 'schedule' ? cause.occurrence : '';
      seen.skipped.push(`${occurrence.slice(11, 16)} ${reason}`);
    },
  };
  return { seen, pass: async () => runDue(ports, [HOURLY]) };
}

const done = (time: string): Progress => ({
  ...{ occurrence: `2026-11-27T${time}Z`, startedAt: `2026-11-27T${time}Z`, run: 'old' },
  ...{ endedAt: `2026-11-27T${time}Z`, attempts: 1 },
});

const occurrences = (performed: readonly ScheduledStep[]) =>
  performed.map(({ cause }) =>
    cause.trigger === 'schedule' ? cause.occurrence.slice(11, 16) : '',
  );

test('progress that a reboot would lose is written again until it stays, and nothing is run for it', async () => {
  const { seen, pass } = host(done('12:00:00'));
  Object.assign(seen, { isLoose: true, isFull: true });
  await pass();
  assert.ok(seen.isLoose);
  seen.isFull = false;
  await pass();
  assert.equal([seen.isLoose, seen.progress, seen.performed], [false, done('12:00:00'), []]);
});

test('an occurrence runs once; of those that were missed the newest, and the others are on record', async () => {
  const { seen, pass } = host(done('08:00:00'));
  await pass();
  await pass();
  assert.equal(occurrences(seen.performed), ['12:00']);
  assert.is(seen.skipped.length, 1);
  assert.match(seen.skipped[0] ?? '', /^11:00 missed.*09:00/);
});

test('a run whose process died goes on under its name, three times at most; then that is on record', async () => {
  const { seen, pass } = host(done('11:00:00'));
  seen.work = () => {
    throw died;
  };
  for (let passes = 0; passes < 6; passes += 1) await pass();
  assert.equal(
    seen.performed.map(({ run, resumes }) => [run, resumes]),
    [
      ['run-1', false],
      ['run-1', true],
      ['run-1', true],
    ],
  );
  assert.is(seen.skipped.length, 1);
  assert.match(seen.skipped[0] ?? '', /^12:00 given up/);
  seen.time = '13:00:01';
  seen.work = () => undefined;
  await pass();
  assert.equal(occurrences(seen.performed.slice(3)), ['13:00']);
  assert.is(seen.performed[3]?.run, 'run-2');
});

test('being told to end is nothing against an occurrence, however often', async () => {
  let progress: Progress | null = done('11:00:00');
  for (let starts = 0; starts < 5; starts += 1) {
    const { seen, pass } = host(progress);
    seen.work = () => seen.interrupt.abort(new CowherdError('INTERRUPTED', 'told to end'));
    const { runs } = await pass();
    assert.is(runs[0]?.outcome, 'interrupted');
    progress = seen.progress;
  }
  const { seen, pass } = host(progress);
  await pass();
  assert.equal(occurrences(seen.performed), ['12:00']);
  assert.equal([seen.progress?.endedAt === null, seen.skipped], [false, []]);
});

test('what came while a run was under way is passed over, with the reason', async () => {
  const { seen, pass } = host(done('11:00:00'));
  seen.work = () => void (seen.time = '15:30:00');
  await pass();
  await pass();
  assert.equal(occurrences(seen.performed), ['12:00']);
  assert.is(seen.skipped.length, 1);
  assert.match(seen.skipped[0] ?? '', /^15:00 .*under way.*13:00/);
});

test('what is run late asks who has had his; a clock that went back makes nobody have had it', async () => {
  const late = host(done('11:00:00'));
  late.seen.time = '12:20:00';
  await late.pass();
  assert.is(late.seen.performed[0]?.sinceMs, Date.parse('2026-11-27T12:00:00Z'));
  for (const [progress, time] of [
    [done('11:00:00'), '12:04:00'],
    [done('18:00:00'), '12:20:00'],
  ] as const) {
    const { seen, pass } = host(progress);
    seen.time = time;
    await pass();
    assert.is(seen.performed[0]?.sinceMs, null, time);
  }
});

const NOW = new Date('2026-11-27T12:20:00Z');
const point = (agent: string, createdAt: string, tags: Record<string, string>) => {
  return restorePoint(agent, [], { createdAt, tags });
};
const step = { schedule: HOURLY, run: 'r', resumes: true, sinceMs: null };

test('a run that goes on passes over whom it has taken itself, whatever the clock said then', () => {
  const points = [
    point('a', '2026-11-27T12:10:00.000Z', { schedule: 'hourly', [RUN_TAG]: 'r' }),
    point('b', '2031-11-27T12:10:00.000Z', { schedule: 'hourly', [RUN_TAG]: 'r' }),
    point('c', '2026-11-27T12:10:00.000Z', { schedule: 'hourly', [RUN_TAG]: 'other' }),
    point('d', '2026-11-27T12:10:00.000Z', { schedule: 'daily', [RUN_TAG]: 'r' }),
    point('e', '2026-11-27T12:10:00.000Z', {}),
  ];
  assert.equal(takenFor(points, step, NOW), ['a', 'b']);
});

test('without a record of it whoever has one of the schedule since then has had his, but where a clock was put back', () => {
  const sinceMs = Date.parse('2026-11-27T12:00:00Z');
  const ours = { schedule: 'hourly', [RUN_TAG]: 'lost' };
  const points = [
    point('a', '2026-11-27T12:10:00.000Z', ours),
    point('b', '2026-11-27T11:59:00.000Z', ours),
    point('c', '2031-11-27T12:10:00.000Z', ours),
    point('d', '2026-11-27T14:10:00.000Z', ours),
    point('d', '2026-11-27T12:10:00.000Z', ours),
    point('e', '2026-11-27T12:10:00.000Z', { schedule: 'daily' }),
  ];
  assert.equal(takenFor(points, { ...step, resumes: false, sinceMs }, NOW), ['a']);
});

test.run();
