import { setTimeout } from 'node:timers/promises';
import type { Agent, Observation, Volume } from '../model/agent.ts';
import { observe } from '../docker/observe.ts';
import type { Mount } from '../model/mountinfo.ts';
import type { Placement } from '../storage/driver.ts';
import { awaitedElsewhere, placeVolume } from '../storage/placement.ts';
import type { Context } from './context.ts';

const LOOKS = 11;
const LOOK_AGAIN_MS = 50;

/** An agent with where each of its volumes lies; `placements` in the order of `volumes`. */
export interface PlacedAgent extends Agent {
  readonly placements: readonly Placement[];
}

export interface Host {
  readonly agents: readonly PlacedAgent[];
  readonly observation: Observation;
}

/** What runs on this host and where its data lies, seen now. Throws DOCKER_UNREACHABLE. */
export async function observeHost(context: Context): Promise<Host> {
  const observation = await observe(await context.docker(), context.config.agents);
  const mounts = await context.mounts();
  const agents = await Promise.all(
    observation.agents.map(async (agent) => ({
      ...agent,
      placements: await Promise.all(
        agent.volumes.map(async (volume) => placeSteadily(volume, mounts)),
      ),
    })),
  );
  return { agents, observation };
}

/** In the middle of another run's swap there is no data for some milliseconds: what is missing is looked for again. */
async function placeSteadily(volume: Volume, mounts: readonly Mount[]): Promise<Placement> {
  for (let round = 1; ; round += 1) {
    const placement = await placeVolume(volume, mounts);
    const missing = volume.unsupported === null && placement.filesystem === 'unknown';
    if (!missing || round === LOOKS) return placement;
    await setTimeout(LOOK_AGAIN_MS);
  }
}

/**
 * Gives an agent with the datasets nested in its volumes, which only the filesystem's own listing tells; each filesystem
 * is listed once. Throws what the listing throws (IO_ERROR …): of an agent so seen nothing may be captured.
 */
export function nesting(context: Context): (agent: PlacedAgent) => Promise<PlacedAgent> {
  const known = new Map<string, Promise<readonly string[]>>();
  const datasetsOf = async (fsId: string): Promise<readonly string[]> => {
    const listing =
      known.get(fsId) ?? context.openStore(fsId).then(async (store) => store.datasets());
    known.set(fsId, listing);
    return listing;
  };
  const seen = async (placement: Placement): Promise<Placement> =>
    hasStore(placement) ? nest(placement, await datasetsOf(placement.fsId)) : placement;
  return async (agent) => ({
    ...agent,
    placements: await Promise.all(agent.placements.map(seen)),
  });
}

/** True when a driver of ours serves the filesystem the volume lies on. */
export function hasStore(placement: Placement): boolean {
  return placement.fsId !== '';
}

/** A placement with its nested datasets; only a dataset of its own can be captured together with them. */
function nest(placement: Placement, datasets: readonly string[]): Placement {
  const inside = `${placement.pathInFs === '/' ? '' : placement.pathInFs}/`;
  const nested = datasets.flatMap((path) =>
    path.startsWith(inside) ? [path.slice(inside.length)] : [],
  );
  if (nested.length === 0 || placement.isolated) return { ...placement, nested };
  const reason = `it holds nested subvolumes (${nested.slice(0, 3).join(', ')}), which can be captured only with a volume that is isolated`;
  return { ...placement, nested, reason: placement.reason ?? reason };
}

/** All filesystems with a store that the agents' volumes and Docker's data root lie on, sorted. */
export async function storeIds(context: Context, host: Host): Promise<readonly string[]> {
  const placements = host.agents.flatMap((agent) => agent.placements);
  const mounts = await context.mounts();
  const ids = placements.map(({ fsId }) => fsId);
  const { dataRoot } = host.observation;
  if (dataRoot !== null) {
    const place = await placeVolume(
      { name: 'data-root', mountpoint: dataRoot, unsupported: null },
      mounts,
    );
    ids.push(place.fsId);
  }
  ids.push(...(await awaitedElsewhere(placements, mounts)));
  return [...new Set(ids)].filter((id) => id !== '').sort();
}
