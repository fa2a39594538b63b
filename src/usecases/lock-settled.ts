import type { TransactionRecord } from '../model/transaction.ts';
import { tryLocks, type Locks } from '../state/locks.ts';
import type { Context } from './context.ts';
import { storeIds, type Host, type PlacedAgent } from './host.ts';
import { containerLock, lockAgents, lockablesOf, volumeLock } from './locking.ts';
import { isUnderWay, recoverQuietly } from './recover.ts';

const ROUNDS = 3;

/**
 * Takes the locks of these agents. Whoever held them until now may have been killed in the middle of a transaction: that is
 * recovered first, lest its half be captured or swapped again; what cannot be recovered is told. Throws LOCKED.
 */
export async function lockSettled(
  context: Context,
  agents: readonly PlacedAgent[],
  host: Host,
): Promise<Locks> {
  for (let round = 1; ; round += 1) {
    const locks = await lockAgents(context, agents, host.observation);
    if (round > ROUNDS || !(await isCutShort(context, agents, host))) return locks;
    locks.release();
    await recoverQuietly(context);
  }
}

/**
 * The locks of each of these groups, which nothing must connect, at once and without waiting; null where one of them is held, or
 * something is to be recovered first.
 */
export async function lockTogether(
  context: Context,
  groups: readonly (readonly PlacedAgent[])[],
  host: Host,
): Promise<readonly Locks[] | null> {
  const wanted = groups.map((agents) =>
    agents.flatMap((agent) => lockablesOf(agent, host.observation)),
  );
  const locks = await tryLocks(wanted, context.runtimeDir);
  if (locks === null || !(await isCutShort(context, groups.flat(), host))) return locks;
  for (const lock of locks) lock.release();
  return null;
}

/** A transaction of a dead process is left on something that these agents' locks cover. What cannot be read, recovery has told. */
async function isCutShort(
  context: Context,
  agents: readonly PlacedAgent[],
  host: Host,
): Promise<boolean> {
  const ids = await storeIds(context, { ...host, agents }).catch(() => []);
  const records = await Promise.all(ids.map(async (id) => recordsOn(context, id)));
  const locked = new Set(
    agents.flatMap((agent) => lockablesOf(agent, host.observation).map(({ key }) => key)),
  );
  return records.flat().some((record) => !isUnderWay(record) && touches(record, locked));
}

async function recordsOn(context: Context, fsId: string): Promise<readonly TransactionRecord[]> {
  try {
    return await (await context.openStore(fsId)).records();
  } catch {
    return [];
  }
}

function touches({ volumes, containers }: TransactionRecord, locked: ReadonlySet<string>): boolean {
  return [...volumes.map(volumeLock), ...containers.map(containerLock)].some(({ key }) =>
    locked.has(key),
  );
}
