import { applyPolicy, type Candidate, type Judged } from './retention.ts';
import type { Calendar } from './retention-rule.ts';
import type { RetentionPolicy } from './retention-policy.ts';
import { byTurn, isAhead } from './snapshot-id.ts';

/** A restore point as the plan sees it. */
export interface Prunable extends Candidate {
  readonly pinned: boolean;
  readonly safety: boolean;
  /** The last of a former incarnation of a volume. */
  readonly former: boolean;
}

/** What holds for an agent (`retention:` of the config). */
export interface AgentRetention {
  readonly rules: RetentionPolicy;
  readonly minimum: number;
  readonly maxDestroyRatio: number;
  readonly safetyForMs: number;
}

export interface PruneOptions extends Calendar {
  /** Does not hold to maxDestroyRatio. */
  readonly force: boolean;
}

/** Every restore point of an agent, each in one of the two, newest first. */
export interface PrunePlan<T> {
  readonly keep: readonly Judged<T>[];
  readonly destroy: readonly T[];
}

/** With fewer restore points than these an agent's may all go at once that no rule keeps. */
const FEW = 10;
/** So that 0.29 of 100 are 29, which floating point makes a little less. */
const ROUNDING = 1e-9;

/**
 * What a policy and the protections keep of an agent's restore points, with all reasons, and what goes (CONTRACT.md,
 * "Retention"). Order of `points` is free. Throws POLICY_EMPTY.
 */
export function planPrune<T extends Prunable>(
  points: readonly T[],
  retention: AgentRetention,
  options: PruneOptions,
): PrunePlan<T> {
  const ruled = applyPolicy(
    points.filter(({ safety }) => !safety),
    retention.rules,
    options,
  );
  const past = ruled.filter(({ candidate }) => !isAhead(candidate.atMs, options.nowMs));
  const least = {
    newest: (past[0] ?? ruled[0])?.candidate,
    minimum: new Set(past.slice(0, retention.minimum).map(({ candidate }) => candidate)),
  };
  const safeties = points.filter(({ safety }) => safety);
  const unruled = safeties.map((candidate) => ({ candidate, reasons: [], staysMs: -Infinity }));
  const judged = [...ruled, ...unruled]
    .sort((a, b) => newestFirst(a.candidate, b.candidate))
    .map((one) => withProtections(one, { retention, least, nowMs: options.nowMs }));
  const doomed = judged.filter(({ reasons }) => reasons.length === 0);
  const deferred = new Set(options.force ? [] : deferredOf(doomed, points.length, retention));
  return {
    keep: judged.flatMap((one) => {
      if (deferred.has(one)) return [{ ...one, reasons: ['deferred'] }];
      return one.reasons.length > 0 ? [one] : [];
    }),
    destroy: doomed.filter((one) => !deferred.has(one)).map(({ candidate }) => candidate),
  };
}

function newestFirst(a: Candidate, b: Candidate): number {
  return b.atMs - a.atMs || byTurn(a.id, b.id);
}

/** What an agent is never left without: safety snapshots and what is from the future are none of these. */
interface Least {
  readonly newest: Prunable | undefined;
  readonly minimum: ReadonlySet<Prunable>;
}

interface Protecting {
  readonly retention: AgentRetention;
  readonly least: Least;
  readonly nowMs: number;
}

function withProtections<T extends Prunable>(
  judged: Judged<T>,
  { retention, least, nowMs }: Protecting,
): Judged<T> {
  const { atMs, pinned, safety, former } = judged.candidate;
  const reasons = [...judged.reasons];
  let { staysMs } = judged;
  const protect = (reason: string, untilMs: number): void => {
    reasons.push(reason);
    staysMs = Math.max(staysMs, untilMs);
  };
  if (least.newest === judged.candidate) protect('newest', -Infinity);
  if (least.minimum.has(judged.candidate)) protect('minimum', -Infinity);
  if (pinned) protect('pinned', Infinity);
  if (former) protect('former-incarnation', Infinity);
  const safeMs = atMs + retention.safetyForMs;
  if (safety && nowMs < safeMs) protect('safety', safeMs);
  if (safety && isAhead(atMs, nowMs)) protect('future', -Infinity);
  return { candidate: judged.candidate, reasons, staysMs };
}

/** Of ten or more only a part goes at once, the oldest first: the newer of the doomed wait. */
function deferredOf<T>(
  doomed: readonly T[],
  count: number,
  { maxDestroyRatio }: AgentRetention,
): readonly T[] {
  if (count < FEW) return [];
  const most = Math.floor(maxDestroyRatio * count + ROUNDING);
  return doomed.slice(0, Math.max(0, doomed.length - most));
}
