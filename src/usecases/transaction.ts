import type { Docker } from '../docker/docker.ts';
import { isAlive } from '../model/agent.ts';
import { CowherdError } from '../model/errors.ts';
import type { Mount } from '../model/mountinfo.ts';
import {
  recoveryDirection,
  type InPlace,
  type StoppedContainer,
  type SwapVolume,
  type TransactionPhase,
  type TransactionRecord,
} from '../model/transaction.ts';
import type { Store } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { asStopped, startAll, stopAll } from './lifecycle.ts';
import { mountsMovedTree, movedTreeMounted } from './mount-check.ts';
import { together } from './together.ts';

const START_ROUNDS = 3;

/** Saves the record on the first of its filesystems, where a recovery finds it, before the change it announces. */
export async function saveRecord(context: Context, record: TransactionRecord): Promise<void> {
  await (await homeOf(context, record)).saveRecord(record);
}

/** The record with its next phase, saved. */
export async function enter(
  context: Context,
  record: TransactionRecord,
  phase: TransactionPhase,
): Promise<TransactionRecord> {
  const next = { ...record, phase };
  await saveRecord(context, next);
  return next;
}

/** Moves all old trees away, then all new ones in; gives the milliseconds it took. Between the two no container can start. */
export async function swapAll(context: Context, record: TransactionRecord): Promise<number> {
  const stores = await storesOf(context, record);
  await expectInPlace(stores, record, 'old');
  const begun = context.ticks();
  const { volumes } = record;
  await together(volumes, async (volume) => storeFor(stores, volume).retire(record, volume));
  await together(volumes, async (volume) => storeFor(stores, volume).install(record, volume));
  return context.ticks() - begun;
}

/** Nothing is moved or destroyed when somebody replaced the data of a volume meanwhile. Throws IO_ERROR. */
async function expectInPlace(
  stores: ReadonlyMap<string, Store>,
  { volumes }: TransactionRecord,
  wanted: 'old' | 'new',
): Promise<void> {
  const places = await placesOf(stores, volumes);
  const replaced = volumes.find((_, index) => places[index] !== wanted);
  if (replaced === undefined) return;
  throw new CowherdError('IO_ERROR', `somebody replaced the data of ${replaced.name} meanwhile`, {
    hint: `nothing was moved or destroyed; look at ${replaced.pathInFs}, then run it again`,
  });
}

/**
 * Starts what ran before and makes sure that no container has data mounted that was moved away: one that somebody started
 * between stop and swap is restarted, a few times at most. Throws TOOL_FAILED.
 */
export async function startOnData(
  context: Context,
  docker: Docker,
  record: TransactionRecord,
): Promise<void> {
  await startAll(docker, record);
  const moved = await movedMounts(context, record);
  for (let round = 0; round < START_ROUNDS; round += 1) {
    const stale = await staleContainers(docker, moved);
    if (stale.length === 0) return;
    await stopAll(docker, stale);
    await startAll(docker, { containers: stale, dependents: [] });
  }
  throw new CowherdError(
    'TOOL_FAILED',
    `a container of ${record.agent} still has the data mounted that was moved away`,
    {
      hint: 'something keeps starting it; stop that, then run: cowherd recover',
    },
  );
}

async function movedMounts(
  context: Context,
  record: TransactionRecord,
): Promise<(mount: Mount) => boolean> {
  const stores = await storesOf(context, record);
  const tests = await Promise.all(
    Array.from(stores.values(), async (store) => store.movedMounts(record)),
  );
  return (mount) => tests.some((moved) => moved(mount));
}

/** Containers of whoever, with processes that have a moved tree mounted. The listing is asked only when there is one. */
async function staleContainers(
  docker: Docker,
  moved: (mount: Mount) => boolean,
): Promise<readonly StoppedContainer[]> {
  if (!(await movedTreeMounted(moved))) return [];
  const alive = (await docker.containers()).filter(isAlive);
  const found = (await Promise.all(alive.map(async ({ id }) => docker.inspect(id)))).filter(
    (details) => details !== null,
  );
  const stale = await Promise.all(
    found.map(async ({ pid }) => pid > 0 && (await mountsMovedTree(pid, moved))),
  );
  return found.filter((_, index) => stale[index]).map(asStopped);
}

/** Decides a transaction for the new data, durably; `settle` does what is left. */
export async function commit(
  context: Context,
  record: TransactionRecord,
): Promise<TransactionRecord> {
  await syncAll(await storesOf(context, record));
  return enter(context, record, 'committed');
}

/** Ends a committed transaction: the old data goes, or stays with the safety snapshot of a rollback. */
export async function settle(context: Context, record: TransactionRecord): Promise<void> {
  const stores = await storesOf(context, record);
  const home = await homeOf(context, record);
  if (record.kind === 'rollback' && record.safety !== null) {
    for (const store of homeLast(stores, home)) await store.keepRetired(record);
    return;
  }
  await expectInPlace(stores, record, 'new');
  for (const volume of record.volumes) await storeFor(stores, volume).destroyOld(record, volume);
  for (const store of homeLast(stores, home)) await store.dropRecord(record.id);
}

/** The record goes from its home last: until then a recovery finds it. */
function homeLast(stores: ReadonlyMap<string, Store>, home: Store): readonly Store[] {
  return [...stores.values()].sort((a, b) => Number(a === home) - Number(b === home));
}

/**
 * Puts every volume back on its old data, starts what ran before, and forgets the transaction. A stop that a dead run had
 * begun may still be going on in Docker: all are stopped again before they are started.
 */
export async function revert(
  context: Context,
  record: TransactionRecord,
  docker: Docker | null,
): Promise<void> {
  if (record.phase !== 'preparing') {
    // A full disk must not keep the old data from coming back; both directions would end whole.
    const reverting = await enter(context, record, 'reverting').catch(() => record);
    const stores = await storesOf(context, record);
    if (docker !== null) await stopUnlessInPlace(context, record, docker);
    await together(record.volumes, async (volume) =>
      storeFor(stores, volume).revert(reverting, volume),
    );
    // What is not durable yet keeps the record, not the agent from running.
    const [synced] = await Promise.allSettled([syncAll(stores)]);
    if (docker !== null) await startOnData(context, docker, record);
    if (synced.status === 'rejected') throw synced.reason;
  }
  await forget(context, record);
}

/** A container that cannot be stopped is no obstacle while it is on the old data anyway. */
async function stopUnlessInPlace(
  context: Context,
  record: TransactionRecord,
  docker: Docker,
): Promise<void> {
  try {
    await stopAll(docker, record.containers);
  } catch (error) {
    if (!(await allInPlace(context, record, 'old'))) throw error;
  }
}

/** Removes what a transaction prepared, and its record. */
async function forget(context: Context, record: TransactionRecord): Promise<void> {
  const stores = await storesOf(context, record);
  for (const volume of record.volumes) await storeFor(stores, volume).destroyNew(record, volume);
  const home = await homeOf(context, record);
  for (const store of homeLast(stores, home)) await store.dropRecord(record.id);
}

async function allInPlace(
  context: Context,
  record: TransactionRecord,
  wanted: 'old' | 'new',
): Promise<boolean> {
  const stores = await storesOf(context, record);
  const places = await placesOf(stores, record.volumes);
  return places.every((place) => place === wanted);
}

/** Finishes or reverts a transaction whose process is gone. Safe to be cut short and run again. */
export async function resume(
  context: Context,
  record: TransactionRecord,
  docker: Docker | null,
): Promise<'finished' | 'reverted'> {
  const stores = await storesOf(context, record);
  const places = await placesOf(stores, record.volumes);
  if (recoveryDirection(record, places) === 'revert') {
    await revert(context, record, docker);
    return 'reverted';
  }
  if (record.phase !== 'committed') {
    for (const [index, volume] of record.volumes.entries())
      if (places[index] === 'unmounted') await storeFor(stores, volume).install(record, volume);
    if (docker !== null && record.start) await startOnData(context, docker, record);
  }
  await settle(context, await commit(context, record));
  return 'finished';
}

async function placesOf(
  stores: ReadonlyMap<string, Store>,
  volumes: readonly SwapVolume[],
): Promise<readonly InPlace[]> {
  return Promise.all(volumes.map(async (volume) => storeFor(stores, volume).inPlace(volume)));
}

async function syncAll(stores: ReadonlyMap<string, Store>): Promise<void> {
  await Promise.all(Array.from(stores.values(), async (store) => store.sync()));
}

async function storesOf(
  context: Context,
  record: TransactionRecord,
): Promise<ReadonlyMap<string, Store>> {
  const ids = [...new Set(record.volumes.map(({ fsId }) => fsId))];
  const stores = await Promise.all(ids.map(async (id) => context.openStore(id)));
  return new Map(stores.map((store) => [store.fsId, store]));
}

function storeFor(stores: ReadonlyMap<string, Store>, volume: SwapVolume): Store {
  const store = stores.get(volume.fsId);
  if (store === undefined)
    throw new CowherdError('INTERNAL', `no store was opened for ${volume.name}`);
  return store;
}

/** Where the record of a transaction is: the first of its filesystems. */
export async function homeOf(context: Context, record: TransactionRecord): Promise<Store> {
  const [home = ''] = record.volumes.map(({ fsId }) => fsId).sort();
  return context.openStore(home);
}
