import { mountsOf, type Container, type Observation } from '../model/agent.ts';
import type { SwapVolume } from '../model/transaction.ts';
import { takeLocks, type Lockable, type Locks } from '../state/locks.ts';
import type { Context } from './context.ts';
import type { PlacedAgent } from './host.ts';

/** Everything a bracket or a transaction on this agent touches: its volumes and every container that mounts one. */
export function lockablesOf(agent: PlacedAgent, observation: Observation): readonly Lockable[] {
  const volumes = agent.placements.map(({ volume, fsId, pathInFs, mountpoint }) => ({
    key: `volume:${fsId === '' ? mountpoint : `${fsId}:${pathInFs}`}`,
    label: `volume ${volume}`,
  }));
  return [...volumes, ...usersOf(agent, observation.containers).map(containerLock)];
}

/** The lock of a volume that a transaction swaps. */
export function volumeLock({ name, fsId, pathInFs }: SwapVolume): Lockable {
  return { key: `volume:${fsId}:${pathInFs}`, label: `volume ${name}` };
}

/** The lock of one container. */
export function containerLock({ id, name }: Pick<Container, 'id' | 'name'>): Lockable {
  return { key: `container:${id}`, label: `container ${name}` };
}

/** Every container, of this agent or another, that mounts one of the agent's volumes. */
export function usersOf(
  agent: Pick<PlacedAgent, 'volumes'>,
  containers: readonly Container[],
): readonly Container[] {
  return containers.filter((container) =>
    agent.volumes.some((volume) => mountsOf(container, volume).length > 0),
  );
}

/** Those of them that can write to one. */
export function writersOf(
  agent: Pick<PlacedAgent, 'volumes'>,
  containers: readonly Container[],
): readonly Container[] {
  return containers.filter((container) =>
    agent.volumes.some((volume) => mountsOf(container, volume).some(({ writable }) => writable)),
  );
}

/** Takes the locks of these agents. Throws LOCKED. */
export async function lockAgents(
  context: Context,
  agents: readonly PlacedAgent[],
  observation: Observation,
): Promise<Locks> {
  const wanted = agents.flatMap((agent) => lockablesOf(agent, observation));
  const { runtimeDir, waitMs, ticks } = context;
  return takeLocks(wanted, { runtimeDir, waitMs, ticks });
}
