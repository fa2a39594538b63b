import { basename } from 'node:path';
import { isOwnerAlive } from '../exec/liveness.ts';
import type { Docker } from '../docker/docker.ts';
import { CowherdError, toFailure, type Failure } from '../model/errors.ts';
import type { TransactionRecord } from '../model/transaction.ts';
import { thawRecorded } from '../quiesce/thaw-recorded.ts';
import { takeLocks } from '../state/locks.ts';
import type { Store } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { observeHost, storeIds } from './host.ts';
import { containerLock, volumeLock } from './locking.ts';
import { containerPort } from './port.ts';
import { resumeStopped } from './stopped-capture.ts';
import { unreadableFreeze } from './thaw.ts';
import { resume } from './transaction.ts';

const RECOVERY_WAIT_MS = 60_000;

export interface RecoverReport {
  readonly results: readonly {
    readonly agent: string;
    readonly outcome: 'finished' | 'reverted' | 'started' | 'thawed' | 'cleaned';
  }[];
  readonly failures: readonly Failure[];
}

type Result = RecoverReport['results'][number];

/**
 * Thaws what dead runs left frozen, finishes or reverts each transaction that was cut short, and removes leftovers.
 * What a living run works on is left alone. Throws DOCKER_UNREACHABLE.
 */
export async function recover(context: Context): Promise<RecoverReport> {
  const results: Result[] = [];
  const failures: Failure[] = [];
  const docker = await context.docker();
  const thawed = await thawRecorded({
    runtimeDir: context.runtimeDir,
    liveOwners: 'skip',
    port: docker === null ? null : containerPort(docker, context.config),
  });
  results.push(
    ...thawed.results
      .filter(({ outcome }) => outcome === 'thawed')
      .map(({ name }): Result => ({ agent: name, outcome: 'thawed' })),
  );
  failures.push(...thawed.unreadable.map(unreadableFreeze));
  for (const fsId of await storeIds(context, await observeHost(context))) {
    try {
      await recoverStore(context, await context.openStore(fsId), { docker, results, failures });
    } catch (error) {
      failures.push(toFailure(null, error));
    }
  }
  return { results, failures };
}

/** One recovery at a time per filesystem; what another has done meanwhile is seen, since records are read inside. */
async function recoverStore(context: Context, store: Store, sink: Sink): Promise<void> {
  sink.failures.push(...(await damagedIn(store)));
  const cutShort = (await store.records()).some((record) => !isUnderWay(record));
  if (!cutShort && (await store.leftovers()).length === 0) return;
  const turn = await takeLocks([{ key: `recover:${store.fsId}`, label: 'a recovery' }], {
    runtimeDir: context.runtimeDir,
    waitMs: RECOVERY_WAIT_MS,
    ticks: context.ticks,
  });
  try {
    for (const record of await store.records()) await resumeOne(context, record, sink);
    for (const path of await store.collectLeftovers())
      context.tell(`removed what nothing needs any more: ${path}`);
  } finally {
    turn.release();
  }
}

/** Records that nobody can read any more: a person must look, nothing of theirs is touched. */
async function damagedIn(store: Store): Promise<readonly Failure[]> {
  const damaged = (await store.damagedRecords()).filter(({ underWay }) => underWay);
  return damaged.map(({ path, agent }) => {
    const id = basename(path, '.json');
    const message = `the record of a transaction is damaged, so that it can neither be finished nor reverted: ${path}`;
    const hint = `nothing of it was touched: its trees are retired/${id} (old data) and staged/${id} (new) in the store, or .cowherd-old-${id}-… and .cowherd-new-${id}-… beside the data; put back by hand what is missing in its place, then move the record away`;
    return toFailure(agent, new CowherdError('IO_ERROR', message, { hint }));
  });
}

/** The same before a command of its own: what cannot be recovered is told, and does not stop the command. */
export async function recoverQuietly(context: Context): Promise<void> {
  const { results, failures } = await recover(context);
  for (const { agent, outcome } of results) context.tell(`recovered ${agent}: ${outcome}`);
  for (const { agent, code, message } of failures)
    context.tell(`warning: ${agent ?? 'recovery'}: ${code}: ${message}`);
}

interface Sink {
  readonly docker: Docker | null;
  readonly results: Result[];
  readonly failures: Failure[];
}

async function resumeOne(
  context: Context,
  record: TransactionRecord,
  { docker, results, failures }: Sink,
): Promise<void> {
  if (isUnderWay(record)) return;
  try {
    const keys = [...record.volumes.map(volumeLock), ...record.containers.map(containerLock)];
    const { runtimeDir, waitMs, ticks } = context;
    const locks = await takeLocks(keys, { runtimeDir, waitMs, ticks });
    try {
      const resumed = record.kind === 'capture' ? resumeStopped : resume;
      results.push({ agent: record.agent, outcome: await resumed(context, record, docker) });
    } finally {
      locks.release();
    }
  } catch (error) {
    failures.push(toFailure(record.agent, error));
  }
}

/** True while the process that began the transaction lives. */
export function isUnderWay({ id }: Pick<TransactionRecord, 'id'>): boolean {
  return isOwnerAlive(id.split('-').slice(0, 2).join('-'));
}
