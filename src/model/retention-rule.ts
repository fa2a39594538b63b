import { after, before, UNIT_AT, UNIT_START, type Unit } from './calendar.ts';
import type { CalendarDuration } from './durations.ts';
import {
  COUNT_RULES,
  WITHIN_RULES,
  type CountRule,
  type RetentionPolicy,
  type WithinRule,
} from './retention-policy.ts';
import type { Zone } from './zone.ts';

export interface Calendar {
  readonly nowMs: number;
  readonly zone: Zone;
}

/** What the units of rules are; `last` and `within` have none. */
const UNITS: Readonly<Record<CountRule | WithinRule, Unit | null>> = {
  last: null,
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  yearly: 'year',
  within: null,
  withinHourly: 'hour',
  withinDaily: 'day',
  withinWeekly: 'week',
  withinMonthly: 'month',
  withinYearly: 'year',
};

/** A rule at work, from the newest candidate on. */
export interface Rule {
  readonly name: CountRule | WithinRule;
  readonly unit: Unit | null;
  /** Only what is younger is its business. */
  readonly afterMs: number;
  /** Of an instant, when it is no longer young enough; null for a rule that counts. */
  readonly expiry: ((atMs: number) => number) | null;
  /** How many units it keeps yet. */
  left: number;
  /** The unit it has kept the newest of last. */
  last: number;
}

/** One candidate as rules see it. */
export interface Turn {
  readonly zone: Zone;
  readonly atMs: number;
  readonly wallMs: number;
  readonly isOldest: boolean;
  /** Of the newest of all, and of now. */
  readonly newestWallMs: number;
  readonly nowWallMs: number;
}

/** The rules of a policy that may keep something, before the newest candidate. */
export function rulesOf({ counts, within }: RetentionPolicy, newestMs: number, zone: Zone): Rule[] {
  const counted = COUNT_RULES.map((name): Rule => {
    const count = counts[name] ?? 0;
    const left = count === -1 ? Infinity : count;
    return { name, unit: UNITS[name], afterMs: -Infinity, expiry: null, left, last: NaN };
  });
  const timed = WITHIN_RULES.flatMap((name): Rule[] => {
    const span = within[name];
    if (span === undefined || isZero(span)) return [];
    const afterMs = before(newestMs, span, zone);
    const expiry = after(span, zone);
    return [{ name, unit: UNITS[name], afterMs, expiry, left: Infinity, last: NaN }];
  });
  return [...counted.filter(({ left }) => left > 0), ...timed];
}

function isZero({ years, months, days, hours }: CalendarDuration): boolean {
  return years + months + days + hours === 0;
}

/** How long a rule that keeps a candidate now does so in any case (see `staysMs`); `rule` is as it was before. */
export function keptUntil({ unit, expiry, left }: Rule, isNewest: boolean, turn: Turn): number {
  if (unit === null) return expiry?.(turn.atMs) ?? (left === Infinity ? Infinity : -Infinity);
  const now = UNIT_AT[unit](turn.nowWallMs);
  const isRunning = isNewest && UNIT_AT[unit](turn.wallMs) >= now;
  if (expiry !== null) return isRunning ? -Infinity : expiry(turn.atMs);
  // Who is the newest of a unit that is not over may lose that, and stays as the oldest while there is quota beyond that unit.
  const spare = isRunning ? (turn.isOldest ? left - 1 : 0) : left;
  if (spare === 0 || spare === Infinity) return spare === 0 ? -Infinity : Infinity;
  const next = Math.max(UNIT_AT[unit](turn.newestWallMs) + 1, now);
  const start = UNIT_START[unit](next + spare - 1);
  return Number.isNaN(start) ? Infinity : turn.zone.instantOf(start);
}
