import { toCowherdError, toFailure } from '../model/errors.ts';
import { outcomeOf, type Cause, type Run, type RunCommand, type RunResult } from '../model/run.ts';
import { compactTime } from '../model/snapshot-id.ts';
import { appendRun } from '../state/history.ts';
import type { Context } from './context.ts';

/** What a command is run by that a person has typed. */
export const BY_HAND: Cause = { trigger: 'manual' };

export interface Recorded<T> {
  readonly command: RunCommand;
  readonly cause: Cause;
  /** Names what it is a part of. */
  readonly occasion?: string;
  readonly work: () => Promise<T>;
  readonly resultOf: (report: T) => RunResult;
}

/** Does something and keeps its run in the history, when it begins and when it has ended. That it cannot be kept is told, and stops nothing. Throws as the work does. */
export async function recorded<T>(
  context: Context,
  { command, cause, occasion, work, resultOf }: Recorded<T>,
): Promise<T> {
  const begun = newRun(context, command, cause);
  await keep(context, begun, occasion);
  const end = async (result: RunResult): Promise<void> =>
    keep(context, ended(context, begun, result), occasion);
  try {
    const report = await work();
    await end(resultOf(report));
    return report;
  } catch (error) {
    await end({ ...NOTHING, failures: [toFailure(null, error)] });
    throw error;
  }
}

export const NOTHING: RunResult = {
  ...{ snapshots: [], destroyed: 0, frozenMs: null, failures: [], filesystems: [], succeeded: 0 },
};

/** Keeps that an occurrence was passed over, and why. */
export async function recordSkipped(
  context: Context,
  { command, cause }: { readonly command: RunCommand; readonly cause: Cause },
  reason: string,
): Promise<void> {
  const run = newRun(context, command, cause);
  await keep(context, { ...run, endedAt: run.startedAt, outcome: 'skipped', reason });
}

function newRun({ now, random }: Context, command: RunCommand, cause: Cause): Run {
  const at = now();
  return {
    id: `${compactTime(at)}-${random()}`,
    command,
    trigger: cause.trigger,
    schedule: cause.trigger === 'schedule' ? cause.schedule : null,
    occurrence: cause.trigger === 'schedule' ? cause.occurrence : null,
    event: cause.trigger === 'event' ? cause.event : null,
    startedAt: at.toISOString(),
    endedAt: null,
    outcome: 'running',
    reason: null,
    ...{ snapshots: [], destroyed: 0, frozenMs: null, failures: [], filesystems: [] },
  };
}

function ended(context: Context, begun: Run, result: RunResult): Run {
  const { snapshots, destroyed, frozenMs, failures, filesystems } = result;
  return {
    ...begun,
    ...{ snapshots, destroyed, frozenMs, failures, filesystems },
    endedAt: context.now().toISOString(),
    outcome: outcomeOf(result),
  };
}

async function keep(context: Context, run: Run, occasion?: string): Promise<void> {
  const { config, runtimeDir, ticks } = context;
  try {
    await appendRun({ state: config.state, runtimeDir, ticks }, run, occasion);
  } catch (error) {
    const { code, message } = toCowherdError(error);
    context.tell(`warning: ${code}: this run could not be kept in the history: ${message}`);
  }
}
