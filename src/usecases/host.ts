import { setTimeout } from 'node:timers/promises';
import type { Agent, Observation, Volume } from '../model/agent.ts';
import { observe } from '../docker/observe.ts';
import type { Placement } from '../storage/driver.ts';
import { awaitedElsewhere, placeVolume, shared, type Surroundings } from '../storage/placement.ts';
import type { Context } from './context.ts';
import { exposureOf, withoutExposed, type Exposure } from './exposure.ts';

const LOOKS = 11;
const LOOK_AGAIN_MS = 50;

/** An agent with where each of its volumes lies; `placements` in the order of `volumes`. */
export interface PlacedAgent extends Agent {
  readonly placements: readonly Placement[];
}

export interface Host {
  readonly agents: readonly PlacedAgent[];
  readonly observation: Observation;
  readonly exposure: Exposure;
}

/**
 * What runs on this host and where its data lies, seen now; of `only` these agents, where the others' data is of no interest:
 * the observation is of all. Throws DOCKER_UNREACHABLE.
 */
export async function observeHost(context: Context, only?: readonly string[]): Promise<Host> {
  const observation = await observe(await context.docker(), context.config.agents);
  const mounts = await context.mounts();
  const socket = context.config.docker?.socket ?? null;
  const seen = shared();
  const exposure = await exposureOf(observation, { mounts, socket, shared: seen });
  const around = { mounts, exposed: exposure.directories, shared: seen };
  const wanted = observation.agents.filter(({ name }) => only?.includes(name) ?? true);
  const agents = await Promise.all(
    wanted.map(async (agent) => ({
      ...agent,
      placements: await Promise.all(
        agent.volumes.map(async (volume) =>
          withoutExposed(await placeSteadily(volume, around), exposure),
        ),
      ),
    })),
  );
  return { agents, observation, exposure };
}

/** In the middle of another run's swap there is no data for some milliseconds: what is missing is looked for again. */
async function placeSteadily(volume: Volume, around: Surroundings): Promise<Placement> {
  for (let round = 1; ; round += 1) {
    const placement = await placeVolume(volume, round === 1 ? around : afresh(around));
    const { filesystem, hostile } = placement;
    const missing = volume.unsupported === null && filesystem === 'unknown' && hostile === null;
    if (!missing || round === LOOKS) return placement;
    await setTimeout(LOOK_AGAIN_MS);
  }
}

function afresh({ mounts, exposed }: Surroundings): Surroundings {
  return exposed === undefined ? { mounts } : { mounts, exposed };
}

/** True when a driver of ours serves the filesystem the volume lies on. */
export function hasStore(placement: Placement): boolean {
  return placement.fsId !== '';
}

/** All filesystems with a store to be believed that the agents' volumes and Docker's data root lie on, sorted. */
export async function storeIds(context: Context, host: Host): Promise<readonly string[]> {
  const placements = host.agents.flatMap((agent) => agent.placements);
  const mounts = await context.mounts();
  const ids = placements.map(({ fsId }) => fsId);
  const { dataRoot } = host.observation;
  if (dataRoot !== null) {
    const place = await placeVolume(
      { name: 'data-root', mountpoint: dataRoot, unsupported: null },
      { mounts },
    );
    ids.push(place.fsId);
  }
  ids.push(...(await awaitedElsewhere(placements, mounts)));
  const { stores } = host.exposure;
  return [...new Set(ids)].filter((id) => id !== '' && !stores.has(id)).sort();
}
