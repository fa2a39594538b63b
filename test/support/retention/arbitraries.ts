import fc from 'fast-check';
import {
  COUNT_RULES,
  isEmptyPolicy,
  WITHIN_RULES,
  type RetentionPolicy,
} from '../../../src/model/retention-policy.ts';

const HOUR_MS = 3_600_000;

/** Both hemispheres, changes of half an hour, zones that are far from UTC, and one that skipped a day. */
export const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'America/St_Johns', 'Australia/Lord_Howe'],
  ...['Asia/Kathmandu', 'Pacific/Apia', 'Pacific/Kiritimati', 'America/Sao_Paulo', 'Africa/Cairo'],
];

/** Around these clocks change, years turn, leap days are. */
const TURNS = [
  ...['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z', '2026-03-08T07:00:00Z'],
  ...['2026-11-01T06:00:00Z', '2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z'],
  ...['2011-12-30T10:00:00Z', '2018-11-04T03:00:00Z', '2024-02-29T12:00:00Z'],
  ...['2000-02-29T12:00:00Z', '2021-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
  ...['2020-12-31T23:59:59Z', '2026-03-31T10:00:00Z', '2026-06-15T12:00:00Z'],
].map((text) => Date.parse(text));

/** Times in milliseconds, hours, days or months apart, none after NOW. */
export function timesFrom(minLength: number, maxLength = 30): fc.Arbitrary<number[]> {
  return fc
    .record({
      turn: fc.constantFrom(...TURNS),
      stepMs: fc.constantFrom(HOUR_MS / 4, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 300 * HOUR_MS),
      steps: fc.array(fc.integer({ min: -400, max: 400 }), { minLength, maxLength }),
      jitter: fc.nat(5000),
    })
    .map(({ turn, stepMs, steps, jitter }) =>
      steps.map((step, index) => turn + (step / 16) * stepMs + ((index * jitter) % 1000)),
    );
}

/** After all of them. */
export const NOW = Date.parse('2028-01-01T12:00:00Z');

const count = fc.option(fc.integer({ min: -1, max: 7 }), { nil: undefined });

export type Spans = 'none' | 'hours' | 'days' | 'all';

function span(kind: Spans) {
  const nat = (max: number, ...kinds: Spans[]) => fc.nat(kinds.includes(kind) ? max : 0);
  return fc.option(
    fc.record({
      years: nat(1, 'all'),
      months: nat(14, 'all'),
      days: nat(20, 'all', 'days'),
      hours: nat(50, 'all', 'days', 'hours'),
    }),
    { nil: undefined },
  );
}

function rules<K extends string, V>(
  names: readonly K[],
  value: fc.Arbitrary<V | undefined>,
): fc.Arbitrary<Partial<Record<K, V>>> {
  return fc
    .array(value, { minLength: names.length, maxLength: names.length })
    .map(
      (values) =>
        Object.fromEntries(
          names.map((name, at) => [name, values[at]]).filter(([, given]) => given !== undefined),
        ) as Partial<Record<K, V>>,
    );
}

/** Policies that keep something; `tags` know only t=1. */
export function policies(spans: Spans): fc.Arbitrary<RetentionPolicy> {
  const within = spans === 'none' ? fc.constant({}) : rules(WITHIN_RULES, span(spans));
  return fc
    .record({ counts: rules(COUNT_RULES, count), within, tags: fc.constant([]) })
    .filter((policy) => !isEmptyPolicy(policy));
}

export const zones: fc.Arbitrary<string> = fc.constantFrom(...ZONES);
