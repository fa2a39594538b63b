import * as z from 'zod';
import {
  CALENDAR_DURATION,
  DURATION,
  parseCalendarDuration,
  parseDuration,
} from '../model/durations.ts';
import { normalPath } from '../model/listed-volume.ts';
import { PERCENT, SIZE, parseSpace } from '../model/sizes.ts';

// For the whole process, and before any schema is made. What zod would gain by compiling its parsers to code is less than what that
// takes, where few documents are read; and a program that runs as root had better make no code out of text.
z.config({ jitless: true });

/** `1h30m` as milliseconds. */
export const duration = written({
  pattern: DURATION,
  parse: parseDuration,
  what: 'expected a duration such as 300ms, 30s or 1h30m',
});

/** A duration that is not 0, as milliseconds. */
export const positiveDuration = duration.refine((ms) => ms > 0, 'expected more than 0');

/** `1y2m3d4h` of the `within…` rules. */
export const calendarDuration = written({
  pattern: CALENDAR_DURATION,
  parse: parseCalendarDuration,
  what: 'expected years, months, days and hours such as 1y2m3d4h',
});

/** `10%` of a filesystem, or `10GiB`. */
export const space = written({
  pattern: new RegExp(`${PERCENT.source}|${SIZE.source}`),
  parse: parseSpace,
  what: 'expected a size such as 10GiB or 5GB, or a part such as 10%',
});

/** An absolute path of this host, made normal. */
export const hostPath = z
  .string({ error: 'expected an absolute path' })
  .regex(/^\/[^\0]*$/, { error: 'expected an absolute path' })
  .transform(normalPath);

/** A string that says something. */
export const word = z.string().min(1, 'expected some text');

/** Names and globs of agents. */
export const patterns = z.array(word);

/** A command as argv. */
export const argv = z
  .array(z.string(), { error: 'expected a command as a list: [sh, -c, "…"]' })
  .min(1, 'expected a command');

/** An IANA time zone. */
export const timezone = z
  .string()
  .refine(isTimezone, 'expected a time zone such as UTC or Europe/Berlin');

interface Written<T> {
  readonly pattern: RegExp;
  readonly parse: (text: string) => T | null;
  readonly what: string;
}

function written<T>({ pattern, parse, what }: Written<T>) {
  return z
    .string({ error: what })
    .regex(pattern, { error: what })
    .transform((text, context): T => {
      const value = parse(text);
      if (value !== null) return value;
      context.addIssue({ code: 'custom', message: what });
      return z.NEVER;
    });
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
