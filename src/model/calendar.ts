import type { CalendarDuration } from './durations.ts';
import type { Zone } from './zone.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Units of the calendar; weeks are those of ISO 8601, from Monday on. */
export type Unit = 'hour' | 'day' | 'week' | 'month' | 'year';

/** 1970-01-01 was a Thursday: the Monday before it is day -3. */
const FIRST_MONDAY = 3;

/** Number of the unit that a wall time lies in; the one after it has the next. */
export const UNIT_AT: Readonly<Record<Unit, (wallMs: number) => number>> = {
  hour: (wallMs) => Math.floor(wallMs / HOUR_MS),
  day: (wallMs) => Math.floor(wallMs / DAY_MS),
  week: (wallMs) => Math.floor((Math.floor(wallMs / DAY_MS) + FIRST_MONDAY) / 7),
  month: (wallMs) => {
    const date = new Date(wallMs);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  },
  year: (wallMs) => new Date(wallMs).getUTCFullYear(),
};

/** Wall time at which a unit begins; NaN beyond all dates. */
export const UNIT_START: Readonly<Record<Unit, (unit: number) => number>> = {
  hour: (unit) => unit * HOUR_MS,
  day: (unit) => unit * DAY_MS,
  week: (unit) => (unit * 7 - FIRST_MONDAY) * DAY_MS,
  month: (unit) => new Date(0).setUTCFullYear(0, unit, 1),
  year: (unit) => new Date(0).setUTCFullYear(unit, 0, 1),
};

/**
 * So long before an instant: years, months and days by the calendar, then hours by the clock. A day that a month does not have
 * is counted on into the next one (a month before March 31 is March 3), as Go's `AddDate` does. -Infinity before all dates.
 */
export function before(atMs: number, span: CalendarDuration, zone: Zone): number {
  const wallMs = zone.wallOf(atMs);
  const day = Math.floor(wallMs / DAY_MS);
  const earlier = shiftedDay(day, span, -1) * DAY_MS + (wallMs - day * DAY_MS);
  if (Number.isNaN(earlier)) return -Infinity;
  return zone.instantOf(earlier) - span.hours * HOUR_MS;
}

/** How many days the calendar of one month may be ahead of another's. */
const MONTH_SLACK = 3;

/**
 * Tells of instants the first one that they are so long before, that is whose {@link before} is not earlier; where clocks
 * change, an hour beside it at most. Infinity beyond all dates.
 */
export function after(span: CalendarDuration, zone: Zone): (atMs: number) => number {
  let [lastDay, lastAfter] = [NaN, NaN];
  return (atMs) => {
    const wallMs = zone.wallOf(atMs + span.hours * HOUR_MS);
    const day = Math.floor(wallMs / DAY_MS);
    if (day !== lastDay) [lastDay, lastAfter] = [day, dayAfter(day, span)];
    if (Number.isNaN(lastAfter)) return Infinity;
    const isOver = shiftedDay(lastAfter, span, -1) > day;
    return zone.instantOf(lastAfter * DAY_MS + (isOver ? 0 : wallMs - day * DAY_MS));
  };
}

/** The first day that is so long after, or more where months are not equally long. */
function dayAfter(day: number, span: CalendarDuration): number {
  let found = shiftedDay(day, span, 1) - (span.months + span.years > 0 ? MONTH_SLACK : 0);
  while (shiftedDay(found, span, -1) < day) found += 1;
  return found;
}

function shiftedDay(day: number, { years, months, days }: CalendarDuration, sign: 1 | -1): number {
  if (years === 0 && months === 0) return day + sign * days;
  const date = new Date(day * DAY_MS);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const shifted = date.getUTCDate() + sign * days;
  return date.setUTCFullYear(year + sign * years, month + sign * months, shifted) / DAY_MS;
}
