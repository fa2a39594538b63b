import { CronExpressionParser, type CronExpression } from 'cron-parser';
import { firstAfter, lastUntil, type Recurring, type WallTimes } from './recurrence.ts';
import { zoneOf } from './zone.ts';

/** When something recurs: a cron expression of five fields (six with seconds first) or `@daily` and its like, read in an IANA time zone. */
export interface Cadence {
  readonly cron: string;
  readonly timezone: string;
}

const HOURS = 24;

/** What is wrong with an expression, or null; one that names no time at all (31 February) is. */
export function cronFault(cron: string): string | null {
  if (cron.trim() === '') return 'expected a cron expression such as */15 * * * *';
  if (/\bH\b/.test(cron)) return 'H is not known here: use jitter';
  try {
    CronExpressionParser.parse(cron, { tz: 'UTC' }).next();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The first occurrence after an instant, in ms of the epoch. Where clocks go forward, a time that is skipped occurs once, by as much later as they were put forward; where
 * they go back, a time of day that is there twice occurs the first time alone, and what recurs every hour or more often goes on without a gap.
 */
export function nextOccurrence(cadence: Cadence, afterMs: number): number {
  return firstAfter(recurring(cadence), afterMs);
}

/** The newest occurrences until an instant (inclusive), newest first, `count` at most; fewer where one was not in nine years. */
export function latestOccurrences(
  cadence: Cadence,
  nowMs: number,
  count: number,
): readonly number[] {
  const found: number[] = [];
  const of = recurring(cadence);
  let untilMs = nowMs;
  while (found.length < count) {
    const last = lastUntil(of, untilMs);
    if (last === null) break;
    found.push(last);
    untilMs = last - 1;
  }
  return found;
}

/** The expression is read by a clock that is never changed; where ours are, `recurrence.ts` says what becomes of it. What was read once is kept. */
function recurring({ cron, timezone }: Cadence): Recurring {
  const key = `${timezone} ${cron}`;
  const known = recurrings.get(key) ?? { times: timesOf(cron), zone: zoneOf(timezone) };
  recurrings.set(key, known);
  return known;
}
const recurrings = new Map<string, Recurring>();

function timesOf(cron: string): WallTimes {
  const expression = CronExpressionParser.parse(cron, { tz: 'UTC' });
  const at = (wallMs: number): CronExpression => {
    expression.reset(new Date(wallMs));
    return expression;
  };
  return {
    firstAfter: (wallMs) => at(wallMs).next().getTime(),
    lastUntil: (wallMs) =>
      at(wallMs + 1)
        .prev()
        .getTime(),
    isHourly: expression.fields.hour.values.length === HOURS,
  };
}

export interface Asked {
  readonly nowMs: number;
  /** The last occurrence that was dealt with; null when none ever was. */
  readonly lastMs: number | null;
  /** How long after its time one begins. */
  readonly delayMs: number;
}

/** A record so far ahead of the clock was written by a clock that was wrong, or this one is: it holds nothing up. */
const AHEAD_MS = 60_000;

/**
 * The occurrence that is to be dealt with now, or null. Of those that were missed only the newest is: one run catches up with all. What
 * never ran is due at once.
 */
export function dueOccurrence(cadence: Cadence, { nowMs, lastMs, delayMs }: Asked): number | null {
  const [newest] = latestOccurrences(cadence, nowMs - delayMs, 1);
  if (newest === undefined) return null;
  const isDone = lastMs !== null && newest <= lastMs && lastMs <= nowMs + AHEAD_MS;
  return isDone ? null : newest;
}

/** When something is due again that has been dealt with until now. */
export function nextDue(cadence: Cadence, { nowMs, delayMs }: Omit<Asked, 'lastMs'>): number {
  return nextOccurrence(cadence, nowMs - delayMs) + delayMs;
}

/** The time between the two newest occurrences: how old something may be that comes with each. Null before there were two. */
export function intervalAt(cadence: Cadence, nowMs: number): number | null {
  const [newest, before] = latestOccurrences(cadence, nowMs, 2);
  return newest === undefined || before === undefined ? null : newest - before;
}
