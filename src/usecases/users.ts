import type { ContainerDetails, Docker } from '../docker/docker.ts';
import { isAlive, type Container } from '../model/agent.ts';
import { CowherdError } from '../model/errors.ts';
import type { StoppedContainer } from '../model/transaction.ts';
import type { PlacedAgent } from './host.ts';
import { asStopped, dependentsOf } from './lifecycle.ts';
import { usersOf } from './locking.ts';
import { processesUsing } from './mount-check.ts';

/** Labels by which an orchestrator marks a container that it would replace when we stop it. */
const ORCHESTRATORS: Readonly<Record<string, string>> = {
  'com.docker.swarm.task.id': 'Docker swarm',
  'io.kubernetes.pod.uid': 'Kubernetes',
  'com.hashicorp.nomad.alloc_id': 'Nomad',
};

export interface Users {
  readonly stopped: readonly StoppedContainer[];
  /** Names of containers restarted afterwards because they joined a namespace of a stopped one. */
  readonly dependents: readonly string[];
}

export interface UsersRequest {
  readonly agent: PlacedAgent;
  readonly containers: readonly Container[];
  readonly includeUsers: boolean;
}

/**
 * Everyone who must be stopped so that the agent's volumes can be swapped. Refuses what must not be stopped:
 * OTHER_USERS (another agent's, unless included; a process of the host always), AUTOREMOVE_USER, ORCHESTRATED_USER.
 */
export async function usersToStop(
  docker: Docker | null,
  { agent, containers, includeUsers }: UsersRequest,
): Promise<Users> {
  await refuseHostProcesses(agent);
  if (docker === null) return { stopped: [], dependents: [] };
  const found = await Promise.all(
    usersOf(agent, containers).map(async ({ id }) => docker.inspect(id)),
  );
  const users = found.filter((details) => details !== null);
  const alive = users.filter(isAlive);
  refuseOrchestrated(alive);
  refuseAutoRemove(alive);
  if (!includeUsers) refuseOthers(agent, alive);
  const stopped = users.map(asStopped);
  return { stopped, dependents: await dependentsOf(docker, stopped) };
}

/** The orchestrator that a container belongs to, for people, or null. */
export function orchestratorOf({ labels }: Pick<Container, 'labels'>): string | null {
  const known = Object.entries(ORCHESTRATORS).find(([label]) => labels[label] !== undefined);
  return known?.[1] ?? null;
}

function refuseOrchestrated(alive: readonly ContainerDetails[]): void {
  for (const container of alive) {
    const { name } = container;
    const owner = orchestratorOf(container);
    if (owner === null) continue;
    throw new CowherdError(
      'ORCHESTRATED_USER',
      `container ${name} belongs to ${owner}, which would replace it when it is stopped`,
      {
        hint: `scale its service to zero in ${owner}, then run it again`,
      },
    );
  }
}

function refuseAutoRemove(alive: readonly ContainerDetails[]): void {
  const removed = alive.find(({ autoRemove }) => autoRemove);
  if (removed === undefined) return;
  throw new CowherdError(
    'AUTOREMOVE_USER',
    `container ${removed.name} was started with --rm: stopping it would remove it and its anonymous volumes`,
    {
      hint: 'stop it yourself or start it without --rm, then run it again',
    },
  );
}

function refuseOthers(agent: PlacedAgent, alive: readonly ContainerDetails[]): void {
  const own = new Set(agent.containers.map(({ id }) => id));
  const others = alive.filter(({ id }) => !own.has(id)).map(({ name }) => name);
  if (others.length === 0) return;
  throw new CowherdError(
    'OTHER_USERS',
    `volumes of ${agent.name} are also used by ${others.join(', ')}`,
    {
      hint: 'stop them yourself, or add --include-users to have them stopped and started again too',
      details: { users: others },
    },
  );
}

async function refuseHostProcesses(agent: PlacedAgent): Promise<void> {
  for (const { name, kind } of agent.volumes) {
    const placement = agent.placements.find(({ volume }) => volume === name);
    if (kind !== 'path' || placement === undefined) continue;
    const pids = await processesUsing(placement.mountpoint);
    if (pids.length === 0) continue;
    throw new CowherdError(
      'OTHER_USERS',
      `${name} is in use by process ${pids.slice(0, 5).join(', ')} of this host`,
      {
        hint: 'end that process (ps -fp PID shows it), then run it again',
        details: { pids },
      },
    );
  }
}
