import { sha256 } from '../model/digest.ts';
import {
  dueOccurrence,
  latestOccurrences,
  nextDue,
  nextOccurrence,
  type Cadence,
} from '../model/schedule.ts';
import type { Progress } from '../state/run-schema.ts';
import type { SchedulePorts } from './schedule-ports.ts';
import type { Schedule } from './scheduled.ts';

/** An occurrence that is to be run now. */
export interface Due {
  readonly schedule: Schedule;
  readonly occurrenceMs: number;
  /** Its run that was cut short. */
  readonly resumes: Pick<Progress, 'run' | 'startedAt' | 'attempts'> | null;
  /** Agents with a restore point of the schedule since then have theirs (ms of the epoch), although no record says that it ran; null where none can have. */
  readonly sinceMs: number | null;
  /** What came before it and was run by nobody. */
  readonly missed: Stretch | null;
}

/** What is run so late may have been run before, and the record of it be lost: with a runtime directory, or a state directory. */
const LATE_MS = 5 * 60_000;

/** The first and the last of some occurrences (ms of the epoch). */
export interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
}

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
  const cadence = cadenceOf(ports, schedule);
  const lastMs = progress === null ? null : Date.parse(progress.occurrence);
  const delayMs = delayOf(ports, schedule);
  const nowMs = ports.now().getTime();
  const occurrenceMs = dueOccurrence(cadence, { nowMs, lastMs, delayMs });
  if (occurrenceMs !== null) {
    const missed = lastMs === null ? null : between(cadence, lastMs, occurrenceMs - 1);
    // A clock that went back makes its hours come again: what is dated by them may be hours old.
    const wentBack = lastMs !== null && lastMs > occurrenceMs;
    const isLate = nowMs - delayMs - occurrenceMs > LATE_MS;
    const sinceMs = isLate && !wentBack ? occurrenceMs : null;
    return { schedule, occurrenceMs, resumes: null, sinceMs, missed };
  }
  return progress === null ? null : resumed(schedule, progress);
}

function resumed(schedule: Schedule, progress: Progress): Due | null {
  const { occurrence, endedAt } = progress;
  if (endedAt !== null) return null;
  return {
    schedule,
    occurrenceMs: Date.parse(occurrence),
    ...{ resumes: progress, sinceMs: null, missed: null },
  };
}

/** Occurrences after an instant and until another (inclusive); null where there are none. */
export function between(cadence: Cadence, afterMs: number, untilMs: number): Stretch | null {
  const fromMs = nextOccurrence(cadence, afterMs);
  if (fromMs > untilMs) return null;
  const [last = fromMs] = latestOccurrences(cadence, untilMs, 1);
  return { fromMs, untilMs: last };
}

/** When the next of these is due (ms of the epoch); null without schedules. */
export function nextDueOf(ports: SchedulePorts, schedules: readonly Schedule[]): number | null {
  const nowMs = ports.now().getTime();
  const times = schedules.map((schedule) =>
    nextDue(cadenceOf(ports, schedule), { nowMs, delayMs: delayOf(ports, schedule) }),
  );
  return times.length === 0 ? null : Math.min(...times);
}
