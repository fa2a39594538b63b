import type { CalendarDuration } from './durations.ts';

/** Rules that keep so many (-1 all): the newest ones, or the newest of each unit. */
export const COUNT_RULES = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type CountRule = (typeof COUNT_RULES)[number];

/** Rules that keep what is not older than this, all of it or the newest of each unit. */
export const WITHIN_RULES = [
  'within',
  'withinHourly',
  'withinDaily',
  'withinWeekly',
  'withinMonthly',
  'withinYearly',
] as const;
export type WithinRule = (typeof WITHIN_RULES)[number];

/** What keeps snapshots (CONTRACT.md, "Retention"): any rule that matches keeps one; absent rules keep none. */
export interface RetentionPolicy {
  readonly counts: Readonly<Partial<Record<CountRule, number>>>;
  readonly within: Readonly<Partial<Record<WithinRule, CalendarDuration>>>;
  /** Keeps what has all `k=v` of one of the lists. */
  readonly tags: readonly (readonly string[])[];
}

/** True when no rule can ever keep anything: such a policy is refused (POLICY_EMPTY). */
export function isEmptyPolicy({ counts, within, tags }: RetentionPolicy): boolean {
  const spans = Object.values(within);
  const lasting = spans.some(({ years, months, days, hours }) => years + months + days + hours > 0);
  return !lasting && tags.length === 0 && Object.values(counts).every((count) => count === 0);
}
