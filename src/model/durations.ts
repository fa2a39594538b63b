const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** A duration as the config and the command line write it: `1h30m`, `300ms`, largest unit first. */
export const DURATION = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** A duration in milliseconds, or null when it is not one. `parseDuration('1h30m') === 5400000`. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  const ms = UNITS.reduce((sum, [, size], index) => sum + Number(match[index + 1] ?? 0) * size, 0);
  return Number.isSafeInteger(ms) ? ms : null;
}

/** Whole milliseconds as `parseDuration` reads them; `0s` for none. */
export function formatDuration(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, size] of UNITS) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
  }
  return parts.join('') || '0s';
}

/** Years, months, days and hours of the calendar, as the `within…` rules count them. */
export interface CalendarDuration {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** What the `within…` rules read: `1y2m3d4h`, where `m` is months; each unit once, in any order, as restic reads it. */
export const CALENDAR_DURATION = /^(?!.*([ymdh]).*\1)(?:\d{1,6}[ymdh])+$/;

/** A calendar duration, or null when the text is none. */
export function parseCalendarDuration(text: string): CalendarDuration | null {
  if (!CALENDAR_DURATION.test(text)) return null;
  const of = (unit: string): number => Number(new RegExp(`(\\d+)${unit}`).exec(text)?.[1] ?? 0);
  return { years: of('y'), months: of('m'), days: of('d'), hours: of('h') };
}

/** A calendar duration as `parseCalendarDuration` reads it; `0h` for none. */
export function formatCalendarDuration({ years, months, days, hours }: CalendarDuration): string {
  const parts = [`${years}y`, `${months}m`, `${days}d`, `${hours}h`];
  return parts.filter((part) => !/^0\D$/.test(part)).join('') || '0h';
}
