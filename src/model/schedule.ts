import { CronExpressionParser } from 'cron-parser';

/** When something recurs: a cron expression of five fields (six with seconds first) or `@daily` and its like, read in an IANA time zone. */
export interface Cadence {
  readonly cron: string;
  readonly timezone: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Looked back through for an occurrence. */
const LONGEST_MS = 9 * 366 * 24 * HOUR_MS;
/** So often an hour, two, four … are passed over in which cron-parser finds nothing, and says so by giving up. */
const MOST_GIVEN_UP = 7;

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
 * The first occurrence after an instant, in ms of the epoch. Where clocks go forward, a time that is skipped occurs once, an hour later by the clock; where they go
 * back, a time of day that is there twice occurs the first time alone, and what recurs every hour or more often goes on without a gap.
 */
export function nextOccurrence({ cron, timezone }: Cadence, afterMs: number): number {
  for (let tries = 0; ; tries += 1) {
    const fromMs = afterMs + (2 ** tries - 1) * HOUR_MS;
    const options = { tz: timezone, currentDate: new Date(fromMs) };
    try {
      return CronExpressionParser.parse(cron, options).next().getTime();
    } catch (error) {
      // It does so on the day before clocks change by half an hour (Lord Howe), and would again.
      if (tries === MOST_GIVEN_UP) throw error;
    }
  }
}

/** The newest occurrences until an instant (inclusive), newest first, `count` at most; fewer where there were not so many in nine years. */
export function latestOccurrences(
  cadence: Cadence,
  nowMs: number,
  count: number,
): readonly number[] {
  const found: number[] = [];
  while (found.length < count) {
    const newest = latestUntil(cadence, (found.at(-1) ?? nowMs + 1) - 1);
    if (newest === null) break;
    found.push(newest);
  }
  return found;
}

/** Sought by halves: there may be thousands in the last hours that have any, and each takes its time. */
function latestUntil(cadence: Cadence, untilMs: number): number | null {
  let [found, noneAfterMs] = [Infinity, untilMs];
  for (let backMs = MINUTE_MS; ; backMs *= 4) {
    const fromMs = untilMs - Math.min(backMs, LONGEST_MS);
    found = nextOccurrence(cadence, fromMs);
    if (found <= untilMs) break;
    if (backMs >= LONGEST_MS) return null;
    noneAfterMs = fromMs;
  }
  for (;;) {
    const next = nextOccurrence(cadence, found);
    if (next > untilMs) return found;
    found = next;
    const middleMs = Math.floor((found + noneAfterMs) / 2);
    if (middleMs <= found) continue;
    const later = nextOccurrence(cadence, middleMs);
    if (later <= untilMs) found = later;
    else noneAfterMs = middleMs;
  }
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
