import type { Docker } from '../docker/docker.ts';
import { CowherdError, toFailure, type Failure } from '../model/errors.ts';
import { expectRoom } from '../exec/room.ts';
import { hasDatasets } from '../model/snapshot.ts';
import { beginTransaction, type Transaction } from './begin-transaction.ts';
import type { Context } from './context.ts';
import { eachAgent } from './each-agent.ts';
import { observeHost, type Host, type PlacedAgent } from './host.ts';
import { stopAll } from './lifecycle.ts';
import { lockSettled } from './lock-settled.ts';
import { nesting } from './nesting.ts';
import { recoverQuietly } from './recover.ts';
import { selectPlaced } from './selection.ts';
import { conversionSwaps, stageAll, type Swap } from './swap-plan.ts';
import { commit, revert, settle, startOnData, swapAll } from './transaction.ts';
import { usersToStop, type Users } from './users.ts';

export interface ConversionRequest {
  readonly kind: 'adopt' | 'unadopt';
  readonly agents: readonly string[];
  readonly includeUsers: boolean;
  /** Go on although another tool takes snapshots of the dataset around a volume. */
  readonly despiteSnapshots: boolean;
}

export interface ConversionResult {
  readonly agent: string;
  readonly outcome: 'adopted' | 'unadopted' | 'unchanged';
}

export interface ConversionReport {
  readonly results: readonly ConversionResult[];
  readonly failures: readonly Failure[];
}

/** What converting one agent takes; no swaps when it is so already. */
export interface ConversionPlan {
  readonly agent: PlacedAgent;
  readonly swaps: readonly Swap[];
  readonly users: Users;
  /** Snapshots of the dataset around its volumes that are not ours: they will not hold adopted volumes. */
  readonly foreignSnapshots: readonly string[];
}

export interface ConversionPlans {
  readonly host: Host;
  readonly plans: readonly ConversionPlan[];
  readonly failures: readonly Failure[];
}

/** Plans for the chosen agents; what is refused or impossible is a failure of its agent. Throws AGENT_UNKNOWN, DOCKER_UNREACHABLE. */
export async function planConversions(
  context: Context,
  request: ConversionRequest,
): Promise<ConversionPlans> {
  const host = await observeHost(context);
  const nest = nesting(context);
  const selected = selectPlaced(context, host, request.agents);
  const { done, failures } = await eachAgent(selected, async (agent) =>
    planOne(context, { request, host, agent: await nest(agent) }),
  );
  return { host, plans: done, failures };
}

async function planOne(
  context: Context,
  { request, host, agent }: { request: ConversionRequest; host: Host; agent: PlacedAgent },
): Promise<ConversionPlan> {
  const convertible = agent.placements.filter(({ fsId, tier }) => fsId !== '' && hasDatasets(tier));
  if (convertible.length === 0) {
    const why = agent.placements
      .map(({ volume, filesystem, reason }) => `${volume}: ${reason ?? filesystem}`)
      .join('; ');
    throw new CowherdError(
      'TIER_UNSUPPORTED',
      `no volume of ${agent.name} lies on a filesystem with datasets, as btrfs and ZFS have (${why})`,
      { hint: `cowherd doctor ${agent.name}` },
    );
  }
  const swaps = conversionSwaps(agent, request.kind === 'adopt' ? 'dataset' : 'directory');
  if (swaps.length === 0)
    return { agent, swaps, users: { stopped: [], dependents: [] }, foreignSnapshots: [] };
  const foreignSnapshots = request.kind === 'adopt' ? await snapshotsAround(context, swaps) : [];
  if (foreignSnapshots.length > 0 && !request.despiteSnapshots)
    throw snapshotted(agent, foreignSnapshots);
  const swapped = new Set(swaps.map(({ placement }) => placement.volume));
  const only = { ...agent, volumes: agent.volumes.filter(({ name }) => swapped.has(name)) };
  const users = await usersToStop(await context.docker(), {
    agent: only,
    containers: host.observation.containers,
    includeUsers: request.includeUsers,
  });
  return { agent, swaps, users, foreignSnapshots };
}

/** Snapshots by other tools of the datasets that hold these volumes now. */
async function snapshotsAround(
  context: Context,
  swaps: readonly Swap[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [fsId, there] of Map.groupBy(swaps, ({ placement }) => placement.fsId)) {
    const store = await context.openStore(fsId);
    const listed = await store.foreignSnapshots(there.map(({ placement }) => placement));
    found.push(...listed.flatMap(({ snapshots }) => snapshots));
  }
  return found;
}

function snapshotted(agent: PlacedAgent, snapshots: readonly string[]): CowherdError {
  return new CowherdError(
    'CONFIRMATION_REQUIRED',
    `another tool takes snapshots of the filesystem around the volumes of ${agent.name} (${snapshots.slice(0, 3).join(', ')}${snapshots.length > 3 ? ', …' : ''}): ` +
      'they will not hold adopted volumes, and rolling one back brings the agent up empty',
    {
      hint: 'back the volumes up with cowherd from now on, and add --despite-snapshots',
      details: { snapshots },
    },
  );
}

/** Makes volumes isolated or plain again, agent after agent; each is a transaction that ends whole on one of the two. */
export async function convert(
  context: Context,
  request: ConversionRequest,
): Promise<ConversionReport> {
  await recoverQuietly(context);
  await expectRoom(context.runtimeDir);
  const { plans, failures, host } = await planConversions(context, request);
  const results: ConversionResult[] = [];
  const failed = [...failures];
  for (const plan of plans) {
    try {
      results.push(await convertLocked(context, { request, host, plan }));
    } catch (error) {
      failed.push(toFailure(plan.agent.name, error));
    }
  }
  return { results, failures: failed };
}

interface Conversion {
  readonly request: ConversionRequest;
  readonly host: Host;
  readonly plan: ConversionPlan;
}

async function convertLocked(
  context: Context,
  { request, host, plan }: Conversion,
): Promise<ConversionResult> {
  const agent = plan.agent.name;
  if (plan.swaps.length === 0) return { agent, outcome: 'unchanged' };
  context.interrupt.throwIfAborted();
  const locks = await lockSettled(context, [plan.agent], host);
  try {
    await transact(context, request, await replan(context, request, agent));
    return { agent, outcome: `${request.kind}ed` };
  } finally {
    locks.release();
  }
}

/** The plan as it is now that nobody else can change it. */
async function replan(
  context: Context,
  request: ConversionRequest,
  agent: string,
): Promise<ConversionPlan> {
  const host = await observeHost(context);
  const placed = host.agents.find(({ name }) => name === agent);
  if (placed === undefined)
    throw new CowherdError('AGENT_UNKNOWN', `there is no agent ${agent} any more`);
  return planOne(context, { request, host, agent: await nesting(context)(placed) });
}

async function transact(
  context: Context,
  request: ConversionRequest,
  plan: ConversionPlan,
): Promise<void> {
  const docker = await context.docker();
  const { agent, swaps, users } = plan;
  for (const { placement } of swaps)
    await (await context.openStore(placement.fsId)).expectCopyable(placement, context.interrupt);
  const transaction = await beginTransaction(context, {
    kind: request.kind,
    agent: agent.name,
    snapshot: null,
    start: true,
    swaps,
    users,
  });
  try {
    await copyAndSwap(context, docker, { transaction, swaps });
    if (docker !== null) await startOnData(context, docker, transaction.record);
  } catch (error) {
    await revert(context, transaction.record, docker);
    throw error;
  }
  await settle(context, await commit(context, transaction.record));
}

/** The copy is made of a tree that nobody writes to: after the stop, compared with its source, before anything is moved. */
async function copyAndSwap(
  context: Context,
  docker: Docker | null,
  work: { transaction: Transaction; swaps: readonly Swap[] },
): Promise<void> {
  const { transaction, swaps } = work;
  const record = await transaction.enter('stopping');
  for (const volume of record.volumes)
    await (await context.openStore(volume.fsId)).prepareAside(record, volume);
  if (docker !== null) await stopAll(docker, record.containers);
  const volumes = await stageAll(context, record.id, swaps);
  context.interrupt.throwIfAborted();
  await swapAll(context, await transaction.enter('swapping', { volumes }));
  await transaction.enter('swapped');
}
