import * as z from 'zod';
import type { CountRule, RetentionPolicy, WithinRule } from '../model/retention-policy.ts';
import { COUNT_RULES, WITHIN_RULES, isEmptyPolicy } from '../model/retention-policy.ts';
import { calendarDuration, duration } from './scalars.ts';

const count = z.int().min(-1, 'expected a count, or -1 for all').optional();
const within = calendarDuration.optional();
const tag = z.string().regex(/^[^=]+=/, 'expected k=v');

const rules = {
  last: count,
  hourly: count,
  daily: count,
  weekly: count,
  monthly: count,
  yearly: count,
  within,
  withinHourly: within,
  withinDaily: within,
  withinWeekly: within,
  withinMonthly: within,
  withinYearly: within,
  tags: z.array(z.array(tag).min(1, 'expected at least one k=v')).optional(),
};

const minimum = z.int().min(0);
const maxDestroyRatio = z.number().min(0).max(1);

/** What holds where the config says nothing of counts, durations and tags. */
const DEFAULT_RULES: RetentionPolicy = {
  counts: { last: 8, hourly: 24, daily: 14, weekly: 8, monthly: 12 },
  within: {},
  tags: [],
};

/** What is said of a policy that is refused as POLICY_EMPTY. */
export const EMPTY_POLICY =
  'these rules keep nothing: give one of them a count, a duration or tags';

/** `retention:` with every default in it; counts, durations and tags replace the built-in ones together. */
export const retentionSchema = z
  .strictObject({
    ...rules,
    minimum: minimum.default(3),
    maxDestroyRatio: maxDestroyRatio.default(0.5),
    safetyFor: duration.prefault('7d'),
  })
  .refine(keepsSomething, EMPTY_POLICY)
  .transform(({ minimum, maxDestroyRatio, safetyFor, ...given }) => ({
    rules: policyOf(given) ?? DEFAULT_RULES,
    minimum,
    maxDestroyRatio,
    safetyForMs: safetyFor,
  }));

/** `retention:` of a policy: only what it changes; `rules` null when it has none of its own. */
export const retentionPatchSchema = z
  .strictObject({
    ...rules,
    minimum: minimum.optional(),
    maxDestroyRatio: maxDestroyRatio.optional(),
    safetyFor: duration.optional(),
  })
  .refine(keepsSomething, EMPTY_POLICY)
  .transform(({ minimum, maxDestroyRatio, safetyFor, ...given }) => ({
    rules: policyOf(given),
    minimum,
    maxDestroyRatio,
    safetyForMs: safetyFor,
  }));

type Rules = z.output<z.ZodObject<typeof rules>>;

function keepsSomething(given: Rules): boolean {
  const policy = policyOf(given);
  return policy === null || !isEmptyPolicy(policy);
}

function policyOf(given: Rules): RetentionPolicy | null {
  const names = [...COUNT_RULES, ...WITHIN_RULES, 'tags'] as const;
  if (names.every((name) => given[name] === undefined)) return null;
  return {
    counts: present(COUNT_RULES, given),
    within: present(WITHIN_RULES, given),
    tags: given.tags ?? [],
  };
}

function present<K extends CountRule | WithinRule>(names: readonly K[], given: Rules) {
  const found: Partial<Record<K, NonNullable<Rules[K]>>> = {};
  for (const name of names) {
    const value = given[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}
