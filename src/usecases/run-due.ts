import { toCowherdError, toFailure, type Failure } from '../model/errors.ts';
import { outcomeOf, type Cause, type RunOutcome, type RunResult } from '../model/run.ts';
import type { Progress } from '../state/run-schema.ts';
import { between, cadenceOf, delayOf, dueOf, type Due, type Stretch } from './due.ts';
import { NOTHING } from './recorded.ts';
import type { SchedulePorts } from './schedule-ports.ts';
import type { Schedule } from './scheduled.ts';

/** What became of a schedule's occurrence. */
export interface ScheduleRun {
  readonly schedule: string;
  readonly occurrence: string;
  readonly outcome: RunOutcome;
  readonly snapshots: readonly string[];
  readonly destroyed: number;
  readonly failures: readonly Failure[];
}

export interface DueDocument {
  readonly runs: readonly ScheduleRun[];
  readonly failures: readonly Failure[];
}

/** So often the run of one occurrence is begun, where each time its process ends before it does. */
const MOST_ATTEMPTS = 3;

/** One pass: every schedule that is due runs once, side by side; one that runs elsewhere is left alone. Throws nothing that a failure can say. */
export async function runDue(
  ports: SchedulePorts,
  schedules: readonly Schedule[],
): Promise<DueDocument> {
  const runs: ScheduleRun[] = [];
  const failures: Failure[] = [];
  await Promise.all(
    schedules.map(async (schedule) => {
      try {
        const run = await runIfDue(ports, schedule);
        if (run !== null) runs.push(run);
      } catch (error) {
        failures.push(toFailure(null, error));
      }
    }),
  );
  return { runs, failures: [...runs.flatMap((run) => run.failures), ...failures] };
}

/** Runs what is due of a schedule; null when nothing is, or when another process runs it. Its steps all run, whatever became of those before. */
export async function runIfDue(
  ports: SchedulePorts,
  schedule: Schedule,
): Promise<ScheduleRun | null> {
  const isLoose = await ports.isProgressLoose(schedule.name);
  if (!isLoose && (await dueOf(ports, schedule)) === null) return null;
  const held = await ports.lock(schedule);
  if (held === null) return null;
  try {
    if (isLoose) await settle(ports, schedule);
    const due = await dueOf(ports, schedule);
    return due === null ? null : await runLocked(ports, due);
  } finally {
    held.release();
  }
}

/** Writes once more what could not be written where it stays. */
async function settle(ports: SchedulePorts, { name }: Schedule): Promise<void> {
  const progress = await ports.readProgress(name);
  if (progress !== null) await noted(ports, async () => ports.writeProgress(name, progress));
}

async function runLocked(ports: SchedulePorts, due: Due): Promise<ScheduleRun | null> {
  const { schedule, occurrenceMs, resumes, missed } = due;
  const occurrence = new Date(occurrenceMs).toISOString();
  const attempts = resumes?.attempts ?? 0;
  const begun = {
    occurrence,
    run: resumes?.run ?? ports.random(),
    startedAt: resumes?.startedAt ?? ports.now().toISOString(),
    endedAt: null,
    attempts: attempts + 1,
  };
  const write = async (progress: Progress): Promise<void> =>
    noted(ports, async () => ports.writeProgress(schedule.name, progress));
  const end = async (atMs: number): Promise<void> =>
    write({
      ...begun,
      occurrence: new Date(atMs).toISOString(),
      endedAt: ports.now().toISOString(),
    });
  if (attempts >= MOST_ATTEMPTS) {
    const reason = `given up: ${attempts} times its process ended before it did`;
    await pass(ports, schedule, { fromMs: occurrenceMs, untilMs: occurrenceMs }, reason);
    await end(occurrenceMs);
    return null;
  }
  if (missed !== null) await pass(ports, schedule, missed, 'missed: nobody ran it');
  await write(begun);
  const result = await runChain(ports, due, begun.run);
  // Who was told to end has not: the next process goes on with it, and that it was told to is nothing against it.
  if (ports.interrupt.aborted) await write({ ...begun, attempts });
  else await end(await skipMissed(ports, due));
  const { snapshots, destroyed, failures } = result;
  return {
    schedule: schedule.name,
    occurrence,
    outcome: outcomeOf(result),
    snapshots,
    destroyed,
    failures,
  };
}

async function runChain(
  ports: SchedulePorts,
  { schedule, occurrenceMs, resumes, sinceMs }: Due,
  run: string,
): Promise<RunResult> {
  const cause = causeOf(schedule, occurrenceMs);
  const scheduled = { schedule, cause, run, resumes: resumes !== null, sinceMs };
  const results: RunResult[] = [];
  for (const step of schedule.run) {
    if (ports.interrupt.aborted) break;
    results.push(await ports.perform(step, scheduled));
  }
  const interrupted = ports.interrupt.aborted ? [toFailure(null, ports.interrupt.reason)] : [];
  return {
    ...NOTHING,
    snapshots: results.flatMap(({ snapshots }) => snapshots),
    destroyed: results.reduce((sum, { destroyed }) => sum + destroyed, 0),
    failures: [...results.flatMap(({ failures }) => failures), ...interrupted],
    succeeded: results.reduce((sum, { succeeded }) => sum + succeeded, 0),
  };
}

function causeOf(schedule: Schedule, occurrenceMs: number): Cause {
  const occurrence = new Date(occurrenceMs).toISOString();
  return { trigger: 'schedule', schedule: schedule.name, occurrence };
}

/** A schedule does not overlap with itself: what came while it ran is passed over. Gives the newest of it, or the occurrence that ran. */
async function skipMissed(ports: SchedulePorts, { schedule, occurrenceMs }: Due): Promise<number> {
  const untilMs = ports.now().getTime() - delayOf(ports, schedule);
  const came = between(cadenceOf(ports, schedule), occurrenceMs, untilMs);
  if (came === null) return occurrenceMs;
  const ran = new Date(occurrenceMs).toISOString();
  await pass(ports, schedule, came, `the run of ${ran} was still under way`);
  return came.untilMs;
}

/** Records the last of some occurrences as passed over; the reason says of which one on. */
async function pass(
  ports: SchedulePorts,
  schedule: Schedule,
  { fromMs, untilMs }: Stretch,
  reason: string,
): Promise<void> {
  const cause = causeOf(schedule, untilMs);
  const since = fromMs === untilMs ? '' : ` (since ${new Date(fromMs).toISOString()})`;
  const command = schedule.run[0] ?? 'snapshot';
  await ports.skip(command, cause, `${reason}${since}`);
}

/** Without a record the next pass runs it once more: it is told, and goes on. */
async function noted(ports: SchedulePorts, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const { code, message } = toCowherdError(error);
    ports.tell(`warning: ${code}: how far a schedule has got could not be noted: ${message}`);
  }
}
