import type { Failure } from './errors.ts';

export const RUN_COMMANDS = ['snapshot', 'prune', 'rollback', 'adopt', 'unadopt'] as const;
export type RunCommand = (typeof RUN_COMMANDS)[number];

export const RUN_OUTCOMES = [
  'running',
  'done',
  'partly',
  'failed',
  'skipped',
  'interrupted',
] as const;
/** `partly`: done for some agents, failed for others. `interrupted`: its process ended before it did. */
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

/** What made somebody run something: a person, a schedule's occurrence (its time), or something that Docker told. */
export type Cause =
  | { readonly trigger: 'manual' }
  | { readonly trigger: 'schedule'; readonly schedule: string; readonly occurrence: string }
  | { readonly trigger: 'event'; readonly event: string };

/** The tag of a schedule's restore points that names the run of an occurrence. */
export const RUN_TAG = 'schedule-run';

/** One run as history keeps it. Times are RFC 3339 UTC. */
export interface Run {
  readonly id: string;
  readonly command: RunCommand;
  readonly trigger: Cause['trigger'];
  readonly schedule: string | null;
  readonly occurrence: string | null;
  readonly event: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: RunOutcome;
  /** Why it was skipped, or null. */
  readonly reason: string | null;
  /** Restore points that it made. */
  readonly snapshots: readonly string[];
  /** How many restore points it destroyed. */
  readonly destroyed: number;
  /** The longest that an agent was frozen. */
  readonly frozenMs: number | null;
  readonly failures: readonly Failure[];
  readonly filesystems: readonly RunSpace[];
}

/** What was free on a filesystem when a scheduled run ended. */
export interface RunSpace {
  readonly id: string;
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** What is told of a run's end. */
export type RunResult = Pick<
  Run,
  'snapshots' | 'destroyed' | 'frozenMs' | 'failures' | 'filesystems'
> & {
  /** For how many agents it was done. */
  readonly succeeded: number;
};

/** `partly` where something was done and something failed. */
export function outcomeOf({
  failures,
  succeeded,
}: Pick<RunResult, 'failures' | 'succeeded'>): RunOutcome {
  if (failures.some(({ code }) => code === 'INTERRUPTED')) return 'interrupted';
  if (failures.length === 0) return 'done';
  return succeeded > 0 ? 'partly' : 'failed';
}
