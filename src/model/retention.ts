import { UNIT_AT } from './calendar.ts';
import { emptyPolicy } from './policy-text.ts';
import { isEmptyPolicy, type RetentionPolicy } from './retention-policy.ts';
import { keptUntil, rulesOf, type Calendar, type Rule, type Turn } from './retention-rule.ts';
import { byTurn, isAhead } from './snapshot-id.ts';

/** What a policy looks at. */
export interface Candidate {
  readonly id: string;
  readonly atMs: number;
  /** As `k=v`. */
  readonly tags: readonly string[];
}

export interface Judged<T> {
  readonly candidate: T;
  /** Why it stays; empty for what goes. */
  readonly reasons: readonly string[];
  /**
   * Whatever is captured from now on, it stays until this instant: then units enough can have passed, each with a snapshot, or
   * enough time, and it goes with the first prune after them. -Infinity where no reason holds against what may be captured in
   * the next moment (`last`; the newest of a unit that is not over), Infinity where one holds for ever (-1, `tags`).
   */
  readonly staysMs: number;
}

/**
 * What a policy alone keeps, by the rules of `restic forget` (CONTRACT.md, "Retention"), newest first: equal times by their ids,
 * so that the order of `candidates` does not matter. Those from the future stay, and count for no rule. Throws POLICY_EMPTY.
 */
export function applyPolicy<T extends Candidate>(
  candidates: readonly T[],
  policy: RetentionPolicy,
  calendar: Calendar,
): readonly Judged<T>[] {
  if (isEmptyPolicy(policy)) throw emptyPolicy();
  const sorted = [...candidates].sort((a, b) => b.atMs - a.atMs || byTurn(a.id, b.id));
  const past = sorted.findIndex(({ atMs }) => !isAhead(atMs, calendar.nowMs));
  const newest = sorted[past];
  const future = newest === undefined ? sorted : sorted.slice(0, past);
  const kept = future.map((candidate) => ({ candidate, reasons: ['future'], staysMs: -Infinity }));
  if (newest === undefined) return kept;
  const rules = rulesOf(policy, newest.atMs, calendar.zone);
  const { nowMs, zone } = calendar;
  const walls = { newestWallMs: zone.wallOf(newest.atMs), nowWallMs: zone.wallOf(nowMs) };
  const judged = sorted.slice(past).map((candidate, index, all): Judged<T> => {
    const { atMs } = candidate;
    const wallMs = zone.wallOf(atMs);
    const turn = { ...walls, zone, atMs, wallMs, isOldest: index === all.length - 1 };
    return judge(candidate, { policy, rules, turn });
  });
  return [...kept, ...judged];
}

interface Judging {
  readonly policy: RetentionPolicy;
  readonly rules: readonly Rule[];
  readonly turn: Turn;
}

function judge<T extends Candidate>(candidate: T, { policy, rules, turn }: Judging): Judged<T> {
  const reasons: string[] = [];
  let staysMs = -Infinity;
  for (const rule of rules) {
    if (rule.left === 0 || turn.atMs <= rule.afterMs) continue;
    // Without units each is one of its own: NaN is no other's.
    const unit = rule.unit === null ? NaN : UNIT_AT[rule.unit](turn.wallMs);
    const isNewest = unit !== rule.last;
    if (!isNewest && !(turn.isOldest && rule.expiry === null)) continue;
    reasons.push(isNewest ? rule.name : `oldest-${rule.name}`);
    staysMs = Math.max(staysMs, keptUntil(rule, isNewest, turn));
    rule.last = unit;
    rule.left -= 1;
  }
  if (policy.tags.some((wanted) => wanted.every((tag) => candidate.tags.includes(tag)))) {
    reasons.push('tags');
    staysMs = Infinity;
  }
  return { candidate, reasons, staysMs };
}
