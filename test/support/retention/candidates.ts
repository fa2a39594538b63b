import { parsePolicy } from '../../../src/model/policy-text.ts';
import { applyPolicy, type Candidate, type Judged } from '../../../src/model/retention.ts';
import type { RetentionPolicy } from '../../../src/model/retention-policy.ts';
import { zoneOf } from '../../../src/model/zone.ts';

/** Candidates of these times, each called by its time, and by its place among equal ones. */
export function candidates(times: readonly (number | string)[]): Candidate[] {
  const seen = new Map<number, number>();
  return times.map((time) => {
    const atMs = new Date(time).getTime();
    const turn = seen.get(atMs) ?? 0;
    seen.set(atMs, turn + 1);
    const id = new Date(atMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    return { id: `alpha@${id}${turn === 0 ? '' : `-${String(turn)}`}`, atMs, tags: [] };
  });
}

export interface Applied {
  readonly policy: RetentionPolicy | string;
  readonly now: number | string;
  readonly zone?: string;
}

/** `applyPolicy` with a policy as text, now as a time and a zone by its name (UTC). */
export function apply<T extends Candidate>(
  given: readonly T[],
  { policy, now, zone = 'UTC' }: Applied,
): readonly Judged<T>[] {
  const rules = typeof policy === 'string' ? parsePolicy(policy) : policy;
  return applyPolicy(given, rules, { nowMs: new Date(now).getTime(), zone: zoneOf(zone) });
}

/** What stays. */
export function survivors<T>(judged: readonly Judged<T>[]): readonly T[] {
  return judged.filter(({ reasons }) => reasons.length > 0).map(({ candidate }) => candidate);
}
