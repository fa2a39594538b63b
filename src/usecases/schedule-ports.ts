import type { Cause, RunCommand, RunResult } from '../model/run.ts';
import { isProgressLoose, readProgress, writeProgress } from '../state/progress.ts';
import { tryLocks, type Locks } from '../state/locks.ts';
import type { Progress } from '../state/run-schema.ts';
import type { Context } from './context.ts';
import { recordSkipped } from './recorded.ts';
import { runStep, type Schedule, type ScheduledStep } from './scheduled.ts';

/** What running schedules asks of the world. */
export interface SchedulePorts {
  readonly now: () => Date;
  readonly host: string;
  readonly timezone: string;
  readonly interrupt: AbortSignal;
  /** Hex digits that were never used before. */
  readonly random: () => string;
  readonly tell: (line: string) => void;
  /** Null while somebody else runs it. */
  readonly lock: (schedule: Schedule) => Promise<Locks | null>;
  readonly readProgress: (schedule: string) => Promise<Progress | null>;
  /** True where a reboot would lose it. */
  readonly isProgressLoose: (schedule: string) => Promise<boolean>;
  readonly writeProgress: (schedule: string, progress: Progress) => Promise<void>;
  /** Does and records a step; what fails is in the result. */
  readonly perform: (step: RunStep, scheduled: ScheduledStep) => Promise<RunResult>;
  /** Records that an occurrence was passed over. */
  readonly skip: (command: RunCommand, cause: Cause, reason: string) => Promise<void>;
}

/** Two schedules that are due at once, or somebody at the keyboard, want the same agents: who waits for nobody loses an occurrence. */
const WAIT_MS = 60_000;

/** Waits a little for what others have locked, where nobody has said how long. */
export function patient(context: Context): Context {
  return context.waitMs === 0 ? { ...context, waitMs: WAIT_MS } : context;
}

export type RunStep = Schedule['run'][number];

/** Those of this host. */
export function portsOf(context: Context): SchedulePorts {
  const { config, runtimeDir, host, now, random, interrupt, tell } = context;
  const home = { state: config.state, runtimeDir };
  return {
    ...{ now, random, host, interrupt, tell, timezone: config.timezone },
    lock: async ({ name }) => {
      const wanted = { key: `schedule:${name}`, label: `the schedule ${name}` };
      const locks = await tryLocks([[wanted]], runtimeDir);
      return locks?.[0] ?? null;
    },
    readProgress: async (schedule) => readProgress(home, schedule),
    isProgressLoose: async (schedule) => isProgressLoose(home, schedule),
    writeProgress: async (schedule, progress) => writeProgress(home, schedule, progress),
    perform: async (step, scheduled) => runStep(context, step, scheduled),
    skip: async (command, cause, reason) => recordSkipped(context, { command, cause }, reason),
  };
}
