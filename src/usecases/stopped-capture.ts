import { setTimeout } from 'node:timers/promises';
import type { Docker } from '../docker/docker.ts';
import type { Container } from '../model/agent.ts';
import { CowherdError, toCowherdError } from '../model/errors.ts';
import type { StoppedContainer, TransactionRecord } from '../model/transaction.ts';
import { beginTransaction } from './begin-transaction.ts';
import type { Context } from './context.ts';
import { find, startAll, stopAll } from './lifecycle.ts';
import { writersOf } from './locking.ts';
import type { Candidate } from './snapshot-plan.ts';
import type { Swap } from './swap-plan.ts';
import { homeOf, saveRecord } from './transaction.ts';
import { usersToStop } from './users.ts';

/** Of nobody: the next recovery takes what has it for cut short. */
const NOBODY = '0-0';
const START_PAUSES_MS = [1_000, 5_000];

export interface StoppedRequest {
  readonly docker: Docker;
  readonly candidate: Candidate;
  readonly containers: readonly Container[];
}

/**
 * Stops what can write to an agent's volumes, each container with its own timeout, works, and starts it again, however that ended; a record says
 * so before, by which a recovery starts what a dead run has stopped. Throws OTHER_USERS, AUTOREMOVE_USER, ORCHESTRATED_USER and FROZEN_USER before
 * anybody is stopped; TOOL_FAILED when something does not start: the next recovery tries it once more.
 */
export async function whileStopped<T>(
  context: Context,
  { docker, candidate, containers }: StoppedRequest,
  work: (containers: readonly Container[]) => Promise<T>,
): Promise<T> {
  const { agent, volumes } = candidate;
  const writers = writersOf(agent, containers).filter(({ state }) => state !== 'paused');
  const users = await usersToStop(docker, { agent, containers: writers, includeUsers: false });
  const swaps = volumes.map((placement): Swap => ({
    ...{ placement, kind: 'directory', source: { from: 'live' } },
  }));
  const transaction = await beginTransaction(context, {
    ...{ kind: 'capture', agent: agent.name, snapshot: null, start: true, swaps, users },
  });
  const [result] = await Promise.allSettled([
    (async () => {
      const record = await transaction.enter('stopping');
      await stopAll(docker, record.containers);
      context.interrupt.throwIfAborted();
      return work(await docker.containers());
    })(),
  ]);
  await startAgain(context, docker, transaction.record);
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** A few times; then it is left to whoever recovers next. */
async function startAgain(
  context: Context,
  docker: Docker,
  record: TransactionRecord,
): Promise<void> {
  for (const pauseMs of [...START_PAUSES_MS, null]) {
    try {
      await startStopped(context, record, docker);
      return;
    } catch (error) {
      if (pauseMs !== null) await setTimeout(pauseMs);
      else throw await leftToRecovery(context, record, error);
    }
  }
}

/** Starts what a transaction stopped for a capture, but for what its owner has removed meanwhile, and forgets it. Safe to repeat. Throws what the first failing start threw. */
export async function startStopped(
  context: Context,
  record: TransactionRecord,
  docker: Docker,
): Promise<void> {
  const there: StoppedContainer[] = [];
  for (const container of record.containers)
    if ((await find(docker, container)) !== null) there.push(container);
  await startAll(docker, { containers: there, dependents: record.dependents });
  await (await homeOf(context, record)).dropRecord(record.id);
}

async function leftToRecovery(
  context: Context,
  record: TransactionRecord,
  error: unknown,
): Promise<CowherdError> {
  const { message } = toCowherdError(error);
  await saveRecord(context, { ...record, id: `${NOBODY}-${context.random()}` });
  await (await homeOf(context, record)).dropRecord(record.id);
  return new CowherdError(
    'TOOL_FAILED',
    `what was stopped for the capture of ${record.agent} does not start again: ${message}`,
    {
      hint: 'look at docker logs; cowherd recover tries it once more, and so does every command that changes something',
      cause: error,
    },
  );
}

/** A stop that a dead run had begun may still be going on in Docker: all are stopped again before they are started. */
export async function resumeStopped(
  context: Context,
  record: TransactionRecord,
  docker: Docker | null,
): Promise<'started'> {
  if (docker === null)
    throw new CowherdError('DOCKER_UNREACHABLE', 'Docker is switched off by docker: none');
  if (record.phase !== 'preparing') await stopAll(docker, record.containers);
  await startStopped(context, record, docker);
  return 'started';
}
