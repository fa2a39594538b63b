import { parseCalendarDuration, type CalendarDuration } from './durations.ts';
import { CowherdError } from './errors.ts';
import { nearest } from './nearest.ts';
import {
  COUNT_RULES,
  isEmptyPolicy,
  WITHIN_RULES,
  type CountRule,
  type RetentionPolicy,
  type WithinRule,
} from './retention-policy.ts';

const EXAMPLE = 'write it as last=8,hourly=24,daily=14,within=2h';

/** A policy as `--policy` writes it: `last=8,daily=-1,withinDaily=1m`. Throws USAGE, and POLICY_EMPTY where it keeps nothing. */
export function parsePolicy(text: string): RetentionPolicy {
  const counts: Partial<Record<CountRule, number>> = {};
  const within: Partial<Record<WithinRule, CalendarDuration>> = {};
  const seen = new Set<string>();
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [name = '', value = '', ...more] = part.split('=').map((word) => word.trim());
    if (more.length > 0 || seen.has(name)) throw wrong(part, 'each rule once, with one value');
    seen.add(name);
    if (isOneOf(COUNT_RULES, name)) counts[name] = parseCount(part, value);
    else if (isOneOf(WITHIN_RULES, name)) within[name] = parseSpan(part, value);
    else throw unknownRule(name);
  }
  const policy = { counts, within, tags: [] };
  if (isEmptyPolicy(policy)) throw emptyPolicy();
  return policy;
}

/** What a policy that keeps nothing is refused with. */
export function emptyPolicy(): CowherdError {
  return new CowherdError('POLICY_EMPTY', 'this policy keeps nothing', {
    hint: `give one of its rules a count or a duration: ${EXAMPLE}`,
  });
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name);
}

function parseCount(part: string, value: string): number {
  const count = Number(value);
  if (!/^(-1|\d+)$/.test(value) || !Number.isSafeInteger(count))
    throw wrong(part, 'expected a count, or -1 for all');
  return count;
}

function parseSpan(part: string, value: string): CalendarDuration {
  const span = parseCalendarDuration(value);
  if (span === null) throw wrong(part, 'expected years, months, days and hours such as 1y2m3d4h');
  return span;
}

function wrong(part: string, why: string): CowherdError {
  return new CowherdError('USAGE', `--policy: ${part.trim()}: ${why}`, { hint: EXAMPLE });
}

function unknownRule(name: string): CowherdError {
  const guess = nearest(name, [...COUNT_RULES, ...WITHIN_RULES]);
  return new CowherdError('USAGE', `--policy: there is no rule ${name === '' ? "''" : name}`, {
    hint: guess === null ? EXAMPLE : `did you mean ${guess}?`,
  });
}
