import type { Failure } from '../model/errors.ts';
import type { RestorePoint } from './restore-points.ts';

/** A restore point that is destroyed, or would be. */
export interface PruneLine {
  readonly id: string;
  readonly time: string;
  /** Whose it is now: its history follows its volumes. */
  readonly agent: string;
}

export interface KeptLine extends PruneLine {
  readonly reasons: readonly string[];
  /** It stays until then whatever is captured meanwhile; absent where that cannot be said, or where it stays for good. */
  readonly until?: string;
}

/** `cowherd prune --json`: of each agent the newest first. */
export interface PruneDocument {
  readonly keep: readonly KeptLine[];
  readonly destroy: readonly PruneLine[];
  readonly failures: readonly Failure[];
  /** Of a dry run: what destroying them would free, by filesystem; `bytes` is null where that cannot be said. */
  readonly frees?: readonly Freed[];
}

export interface Freed {
  readonly filesystem: string;
  readonly bytes: number | null;
}

/** The line of one that goes. */
export function line({ manifest, agent }: Pick<RestorePoint, 'manifest' | 'agent'>): PruneLine {
  return { id: manifest.id, time: manifest.createdAt, agent };
}

/** The line of one that stays. */
export function kept(
  point: Pick<RestorePoint, 'manifest' | 'agent'>,
  reasons: readonly string[],
): KeptLine {
  return { ...line(point), reasons };
}

/** Time beyond which there are no dates (ECMA-262, "Time Values"). */
const LAST_MS = 8.64e15;

/** What a kept line says of `staysMs` (see `Judged`). */
export function untilOf(staysMs: number, nowMs: number): Pick<KeptLine, 'until'> {
  if (staysMs <= nowMs || staysMs > LAST_MS) return {};
  return { until: new Date(staysMs).toISOString() };
}
