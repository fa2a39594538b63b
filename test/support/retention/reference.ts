import { before } from '../../../src/model/calendar.ts';
import type { Candidate } from '../../../src/model/retention.ts';
import {
  COUNT_RULES,
  WITHIN_RULES,
  type RetentionPolicy,
} from '../../../src/model/retention-policy.ts';
import { zoneOf } from '../../../src/model/zone.ts';

/** What the calendar on the wall says, asked of Intl. */
function partsOf(zone: string): (atMs: number) => Record<string, number> {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    hour: 'numeric',
  });
  return (atMs) =>
    Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
}

/** Names of the units of an instant, by rule. */
export function unitsIn(zone: string): (atMs: number) => Record<string, string> {
  const parts = partsOf(zone);
  return (atMs) => {
    const { year = 0, month = 0, day = 0, hour = 0 } = parts(atMs);
    const units = { ly: `${year}`, thly: `${year}-${month}`, ily: `${year}-${month}-${day}` };
    const hourly = `${units.ily}T${hour}`;
    return {
      ...{ hourly, daily: units.ily, weekly: isoWeek(year, month, day), monthly: units.thly },
      ...{ yearly: units.ly, withinHourly: hourly, withinDaily: units.ily },
      ...{ withinWeekly: isoWeek(year, month, day), withinMonthly: units.thly },
      withinYearly: units.ly,
    };
  };
}

/** The week's number is that of its Thursday in the year the Thursday lies in. */
function isoWeek(year: number, month: number, day: number): string {
  const thursday = new Date(Date.UTC(year, month - 1, day));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.floor((thursday.getTime() - first) / 86_400_000 / 7) + 1;
  return `${thursday.getUTCFullYear()}-W${week}`;
}

/**
 * The rules once more, as plainly as can be: reasons by id, of candidates none of which is from the future, no two at one time.
 */
export function reference(
  given: readonly Candidate[],
  { counts, within, tags }: RetentionPolicy,
  zone: string,
): Record<string, string[]> {
  const sorted = [...given].sort((a, b) => b.atMs - a.atMs);
  const units = unitsIn(zone);
  const reasons = new Map(sorted.map(({ id }) => [id, [] as string[]]));
  const newest = sorted[0]?.atMs ?? 0;
  for (const rule of COUNT_RULES) {
    const kept = new Set<string>();
    const count = counts[rule] ?? 0;
    sorted.forEach(({ id, atMs }, index) => {
      const unit = rule === 'last' ? String(index) : (units(atMs)[rule] ?? '');
      const hasQuota = count === -1 || kept.size < count;
      if (!hasQuota) return;
      if (!kept.has(unit)) reasons.get(id)?.push(rule);
      else if (index === sorted.length - 1) reasons.get(id)?.push(`oldest-${rule}`);
      kept.add(unit);
    });
  }
  for (const rule of WITHIN_RULES) {
    const span = within[rule];
    if (span === undefined || Object.values(span).every((part) => part === 0)) continue;
    const seen = new Set<string>();
    for (const { id, atMs } of sorted) {
      if (atMs <= before(newest, span, zoneOf(zone))) continue;
      const unit = rule === 'within' ? id : (units(atMs)[rule] ?? '');
      if (!seen.has(unit)) reasons.get(id)?.push(rule);
      seen.add(unit);
    }
  }
  for (const { id, tags: own } of sorted)
    if (tags.some((list) => list.every((tag) => own.includes(tag)))) reasons.get(id)?.push('tags');
  return Object.fromEntries(reasons);
}
