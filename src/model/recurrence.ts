import { DAY_MS } from './calendar.ts';
import type { Piece, Zone } from './zone.ts';

/** Times of a wall clock that something recurs at, as if clocks were never changed (ms as if it were UTC). */
export interface WallTimes {
  readonly firstAfter: (wallMs: number) => number;
  readonly lastUntil: (wallMs: number) => number;
  /** In each hour of the day, so that it follows the hours and not what a clock shows. */
  readonly isHourly: boolean;
}

export interface Recurring {
  readonly times: WallTimes;
  readonly zone: Zone;
}

/** A wall time and an instant of it are less than that apart, whatever is done to clocks between them. */
const FAR_MS = 2 * DAY_MS;
const LONGEST_MS = 9 * 366 * DAY_MS;

/** The first instant after another at which something recurs; where clocks change as `nextOccurrence` says. */
export function firstAfter({ times, zone }: Recurring, afterMs: number): number {
  for (let fromMs = afterMs; ;) {
    const piece = zone.pieceAt(fromMs + 1);
    const { offsetMs, beforeMs, untilMs } = piece;
    const wallMs = fromMs + offsetMs;
    const shown = times.firstAfter(Math.max(wallMs, freshFrom(piece, times) - 1));
    let foundMs = shown - offsetMs;
    if (offsetMs > beforeMs) {
      const skipped = times.firstAfter(fromMs + beforeMs);
      if (skipped < skippedUntil(piece)) foundMs = Math.min(foundMs, skipped - beforeMs);
    }
    if (foundMs < untilMs) return foundMs;
    // When clocks go back they show earlier times than they do now.
    fromMs = Math.max(untilMs - 1, times.firstAfter(wallMs - DAY_MS) - offsetMs - FAR_MS);
  }
}

/** The last instant until another (inclusive) at which something recurred; null where there was none in nine years. */
export function lastUntil({ times, zone }: Recurring, nowMs: number): number | null {
  for (let atMs = nowMs; atMs > nowMs - LONGEST_MS;) {
    const piece = zone.pieceAt(atMs);
    const { fromMs, offsetMs, beforeMs } = piece;
    const shown = times.lastUntil(atMs + offsetMs);
    let foundMs = shown >= freshFrom(piece, times) ? shown - offsetMs : -Infinity;
    if (offsetMs > beforeMs) {
      const skipped = times.lastUntil(Math.min(atMs + beforeMs, skippedUntil(piece) - 1));
      if (skipped >= fromMs + beforeMs) foundMs = Math.max(foundMs, skipped - beforeMs);
    }
    if (foundMs !== -Infinity) return foundMs;
    // Before clocks went back they showed later times than they do now.
    atMs = Math.min(fromMs - 1, times.lastUntil(atMs + offsetMs + DAY_MS) - offsetMs + FAR_MS);
  }
  return null;
}

/** The first wall time of a piece at which things recur: what the clocks showed before they went back does not come again. */
function freshFrom({ fromMs, offsetMs, beforeMs }: Piece, { isHourly }: WallTimes): number {
  return fromMs + (isHourly ? offsetMs : Math.max(offsetMs, beforeMs));
}

/** Wall times before it, and from the piece's beginning by the old offset on, were skipped when clocks went forward. */
function skippedUntil({ fromMs, offsetMs }: Piece): number {
  return fromMs + offsetMs;
}
