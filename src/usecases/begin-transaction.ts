import { ownerTag } from '../exec/liveness.ts';
import type { TransactionKind, TransactionPhase, TransactionRecord } from '../model/transaction.ts';
import type { Context } from './context.ts';
import { refuseFrozen } from './frozen-users.ts';
import { swapVolume, type Swap } from './swap-plan.ts';
import { saveRecord } from './transaction.ts';
import type { Users } from './users.ts';

/** A transaction under way; `record` is what the filesystem knows of it. */
export interface Transaction {
  readonly record: TransactionRecord;
  /** Announces the next phase, with what is known by then, before it begins. */
  enter(
    phase: TransactionPhase,
    known?: Partial<Pick<TransactionRecord, 'volumes' | 'safety'>>,
  ): Promise<TransactionRecord>;
}

export interface Beginning {
  readonly kind: TransactionKind;
  readonly agent: string;
  readonly snapshot: string | null;
  readonly start: boolean;
  readonly swaps: readonly Swap[];
  readonly users: Users;
}

/** Writes the record of a transaction that has changed nothing yet; from here on a crash is recovered. Throws FROZEN_USER. */
export async function beginTransaction(
  context: Context,
  beginning: Beginning,
): Promise<Transaction> {
  const { kind, agent, snapshot, start, swaps, users } = beginning;
  await refuseFrozen(await context.docker(), users.stopped);
  let record: TransactionRecord = {
    format: 1,
    id: `${ownerTag()}-${context.random()}`,
    kind,
    agent,
    createdAt: context.now().toISOString(),
    phase: 'preparing',
    snapshot,
    safety: null,
    start,
    volumes: await Promise.all(swaps.map(async (swap) => swapVolume(context, swap))),
    containers: users.stopped,
    dependents: users.dependents,
  };
  await saveRecord(context, record);
  return {
    get record() {
      return record;
    },
    enter: async (phase, known = {}) => {
      const next = { ...record, ...known, phase };
      await saveRecord(context, next);
      record = next;
      return next;
    },
  };
}
