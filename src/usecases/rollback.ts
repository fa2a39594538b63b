import type { Docker } from '../docker/docker.ts';
import { CowherdError, toCowherdError, toFailure, type Failure } from '../model/errors.ts';
import type { TransactionRecord } from '../model/transaction.ts';
import { expectRoom } from '../exec/room.ts';
import { beginTransaction, type Transaction } from './begin-transaction.ts';
import type { Context } from './context.ts';
import { waitHealthy } from './health.ts';
import { agentState, stopAll } from './lifecycle.ts';
import { lockSettled } from './lock-settled.ts';
import { recoverQuietly } from './recover.ts';
import {
  planRollback,
  recreateVolumes,
  type RollbackPlan,
  type RollbackTarget,
} from './rollback-plan.ts';
import { captureSafety } from './safety.ts';
import { stageAll } from './swap-plan.ts';
import { together } from './together.ts';
import { commit, revert, settle, startOnData, swapAll } from './transaction.ts';

export interface RollbackRequest extends RollbackTarget {
  readonly start: boolean;
  readonly revert: boolean;
  readonly healthTimeoutMs: number | null;
}

export interface RollbackReport {
  readonly agent: string;
  readonly snapshot: string | null;
  readonly safety: string | null;
  readonly outcome: 'rolled-back' | 'reverted' | 'failed' | 'refused';
  readonly agentState: 'running' | 'stopped' | 'partial' | null;
  readonly downMs: number | null;
  readonly swapMs: number | null;
  readonly failures: readonly Failure[];
}

/** Puts an agent back to a restore point, or leaves it as it was. Refusals and failures before any change are thrown; what happens later is in the report. */
export async function rollback(
  context: Context,
  request: RollbackRequest,
): Promise<RollbackReport> {
  await recoverQuietly(context);
  await expectRoom(context.runtimeDir);
  let first = await planRollback(context, request);
  if (first.missing.length > 0) {
    await recreateVolumes(await context.docker(), first.missing);
    first = await planRollback(context, request);
  }
  const locks = await lockSettled(context, [first.agent], first.host);
  try {
    const plan = await planRollback(context, request);
    return await run(context, request, plan);
  } finally {
    locks.release();
  }
}

interface Progress {
  downSince: number | null;
  downMs: number | null;
  swapMs: number | null;
}

interface Stage {
  readonly context: Context;
  readonly docker: Docker | null;
  readonly request: RollbackRequest;
  readonly plan: RollbackPlan;
  readonly transaction: Transaction;
  readonly progress: Progress;
}

async function run(
  context: Context,
  request: RollbackRequest,
  plan: RollbackPlan,
): Promise<RollbackReport> {
  const { agent, point, swaps, users } = plan;
  const beginning = {
    agent: agent.name,
    snapshot: point.manifest.id,
    start: request.start,
    swaps,
    users,
  };
  const stage: Stage = {
    context,
    docker: await context.docker(),
    request,
    plan,
    transaction: await beginTransaction(context, { kind: 'rollback', ...beginning }),
    progress: { downSince: null, downMs: null, swapMs: null },
  };
  try {
    const failure = await replaceAndProbe(stage);
    if (failure !== null && request.revert) return await undo(stage, failure);
    const committed = await commit(context, stage.transaction.record);
    await settleQuietly(context, committed);
    return await report(
      stage,
      failure === null ? 'rolled-back' : 'failed',
      failure === null ? [] : [failure],
    );
  } catch (error) {
    return undo(stage, toFailure(agent.name, error));
  }
}

/** What is committed is never undone: a clean-up that fails is told, and ended by the next recovery. */
async function settleQuietly(context: Context, committed: TransactionRecord): Promise<void> {
  await settle(context, committed).catch((error: unknown) => {
    const { code, message } = toCowherdError(error);
    context.tell(`warning: ${code}: ${message}; cowherd recover ends what is left to do`);
  });
}

/** Stop, safety snapshot, swap, start: gives why the agent is not well on the restored data, or null. */
async function replaceAndProbe(stage: Stage): Promise<Failure | null> {
  const { context, docker, plan, transaction, progress } = stage;
  const volumes = await stageAll(context, transaction.record.id, plan.swaps);
  context.interrupt.throwIfAborted();
  const record = await transaction.enter('stopping', { volumes });
  await together(volumes, async (volume) =>
    (await context.openStore(volume.fsId)).prepareAside(record, volume),
  );
  progress.downSince = context.ticks();
  if (docker !== null) await stopAll(docker, record.containers);
  const safety = await captureSafety(context, docker, plan.agent);
  context.interrupt.throwIfAborted();
  progress.swapMs = await swapAll(context, await transaction.enter('swapping', { safety }));
  await transaction.enter('swapped');
  return startAndProbe(stage);
}

async function startAndProbe({
  context,
  docker,
  request,
  transaction,
  progress,
}: Stage): Promise<Failure | null> {
  const { record } = transaction;
  if (docker === null || !request.start) return null;
  try {
    await startOnData(context, docker, record);
    progress.downMs = context.ticks() - (progress.downSince ?? 0);
    const verdict = await waitHealthy(context, docker, {
      containers: record.containers,
      timeoutMs: request.healthTimeoutMs,
    });
    return verdict.healthy ? null : toFailure(record.agent, notWell(verdict.reason));
  } catch (error) {
    return toFailure(record.agent, error);
  }
}

function notWell(reason: string): CowherdError {
  return new CowherdError('REVERTED', `the agent did not come back: ${reason}`, {
    hint: 'docker logs tells why; --no-revert keeps it on the restored data',
  });
}

/** Back to the state before: `reverted` when the agent had been on the restored data, else nothing was changed and it `failed`. */
async function undo(stage: Stage, failure: Failure): Promise<RollbackReport> {
  const { context, docker, transaction, progress } = stage;
  const name = transaction.record.agent;
  const outcome = transaction.record.phase === 'swapped' ? 'reverted' : 'failed';
  try {
    await revert(context, transaction.record, docker);
    if (progress.downSince !== null) progress.downMs ??= context.ticks() - progress.downSince;
    return await report(stage, outcome, [failure]);
  } catch (error) {
    const cutShort = new CowherdError('IO_ERROR', 'going back to the state before was cut short', {
      hint: 'run: cowherd recover',
    });
    return report(stage, 'failed', [failure, toFailure(name, error), toFailure(name, cutShort)]);
  }
}

async function report(
  stage: Stage,
  outcome: RollbackReport['outcome'],
  failures: readonly Failure[],
): Promise<RollbackReport> {
  const { docker, transaction, progress } = stage;
  const { record } = transaction;
  return {
    agent: record.agent,
    snapshot: record.snapshot,
    safety: record.safety,
    outcome,
    agentState: await agentState(docker, record.containers).catch(() => null),
    downMs: progress.downMs,
    swapMs: progress.swapMs,
    failures,
  };
}
