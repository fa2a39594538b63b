import { sha256 } from '../model/digest.ts';
import { dueOccurrence, nextDue, type Cadence } from '../model/schedule.ts';
import type { Progress } from '../state/run-schema.ts';
import type { SchedulePorts } from './schedule-ports.ts';
import type { Schedule } from './scheduled.ts';

/** An occurrence that is to be run now. */
export interface Due {
  readonly schedule: Schedule;
  readonly occurrenceMs: number;
  /** Its run was cut short: when that began (ms of the epoch), and how often it was tried. */
  readonly resumes: { readonly sinceMs: number; readonly attempts: number } | null;
}

/** So often the run of one occurrence is begun, where each time its process ends before it does. */
const MOST_ATTEMPTS = 3;

export function cadenceOf(
  { timezone }: Pick<SchedulePorts, 'timezone'>,
  { cron }: Pick<Schedule, 'cron'>,
): Cadence {
  return { cron, timezone };
}

/** How long after its time a schedule begins: always the same for a host and a name, less than its jitter. */
export function delayOf(
  { host }: Pick<SchedulePorts, 'host'>,
  { name, jitterMs }: Pick<Schedule, 'name' | 'jitterMs'>,
): number {
  const drawn = Number.parseInt(sha256(`${host}\0${name}`).slice(0, 8), 16) / 2 ** 32;
  return Math.floor(drawn * jitterMs);
}

/** What is due of a schedule now, by what is on record of it. Who holds its lock may act on it. */
export async function dueOf(ports: SchedulePorts, schedule: Schedule): Promise<Due | null> {
  const progress = await ports.readProgress(schedule.name);
  const occurrenceMs = dueOccurrence(cadenceOf(ports, schedule), {
    nowMs: ports.now().getTime(),
    lastMs: progress === null ? null : Date.parse(progress.occurrence),
    delayMs: delayOf(ports, schedule),
  });
  if (occurrenceMs !== null) return { schedule, occurrenceMs, resumes: null };
  return progress === null ? null : resumed(schedule, progress);
}

function resumed(schedule: Schedule, progress: Progress): Due | null {
  const { occurrence, startedAt, endedAt, attempts } = progress;
  if (endedAt !== null || attempts >= MOST_ATTEMPTS) return null;
  return {
    schedule,
    occurrenceMs: Date.parse(occurrence),
    resumes: { sinceMs: Date.parse(startedAt), attempts },
  };
}

/** When the next of these is due (ms of the epoch); null without schedules. */
export function nextDueOf(ports: SchedulePorts, schedules: readonly Schedule[]): number | null {
  const nowMs = ports.now().getTime();
  const times = schedules.map((schedule) =>
    nextDue(cadenceOf(ports, schedule), { nowMs, delayMs: delayOf(ports, schedule) }),
  );
  return times.length === 0 ? null : Math.min(...times);
}
