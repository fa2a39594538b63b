import { isWithin, type Observation } from '../model/agent.ts';
import { mountOf, type Mount } from '../model/mountinfo.ts';
import type { Placement } from '../storage/driver.ts';
import { shared, whyRefused, type Shared } from '../storage/placement.ts';
import { storesWithin } from '../storage/reach.ts';
import { identityOf, wayTo, type Look } from '../storage/way.ts';

/** What of this host containers can write to, where that does not make them root anyway. */
export interface Exposure {
  /** `identityOf` each. */
  readonly directories: ReadonlySet<string>;
  /** Filesystems whose store they can reach, with the directory through which. */
  readonly stores: ReadonlyMap<string, string>;
}

interface Source {
  readonly real: string;
  readonly identity: string;
}

interface Around {
  readonly mounts: readonly Mount[];
  readonly socket: string | null;
  readonly shared?: Shared;
}

/**
 * Every Docker volume, whoever uses it now, and what a container has mounted writable. Whoever can write to Docker's own data
 * or socket can make himself root, and is not counted; what lies on a network is not asked.
 */
export async function exposureOf(
  observation: Observation,
  { mounts, socket, shared: { look, idOf } = shared() }: Around,
): Promise<Exposure> {
  const { dataRoot } = observation;
  const own = [dataRoot, socket].filter((path) => path !== null);
  const resolve = async (path: string): Promise<Source | null> => resolved(path, look);
  const keys = (await Promise.all(own.map(resolve))).filter((one) => one !== null);
  const found = await Promise.all(
    writableSources(observation)
      .filter((source) => isLocal(source, mounts))
      .map(resolve),
  );
  const sources = found
    .filter((source) => source !== null)
    .filter(({ real }) => !keys.some((key) => isWithin(key.real, real)));
  const reached = await Promise.all(
    sources.map(async ({ real }) =>
      (await storesWithin(real, { mounts, idOf })).map((fsId) => [fsId, real] as const),
    ),
  );
  return {
    directories: new Set(sources.map(({ identity }) => identity)),
    stores: new Map(reached.flat()),
  };
}

/** A volume on a filesystem whose store is not believed is on one without a store: nothing is read or kept there. */
export function withoutExposed(placement: Placement, { stores }: Exposure): Placement {
  const through = stores.get(placement.fsId);
  if (through === undefined) return placement;
  const reason = `containers can write to ${through}, where Cowherd's store on its filesystem lies: what that says cannot be believed`;
  const hint = `give containers directories or subvolumes below ${through}, not ${through} itself (btrfs subvolume snapshot makes one of all that is there, at once)`;
  return { ...placement, fsId: '', reason, hint, hostile: 'HOSTILE_STORE' };
}

function isLocal(source: string, mounts: readonly Mount[]): boolean {
  const mount = mountOf(source, mounts);
  return mount !== null && whyRefused(mount) === null;
}

/** A planted link must not make another directory pass for one that containers write to. */
async function resolved(source: string, look: Look): Promise<Source | null> {
  try {
    const way = await wayTo(source, new Set(), look);
    if ('planted' in way) return null;
    return { real: way.real, identity: identityOf(await look(way.real)) };
  } catch {
    return null; // it is gone: nobody can write to it
  }
}

function writableSources({ agents, containers }: Observation): readonly string[] {
  const volumes = agents.flatMap((agent) =>
    agent.volumes.filter(({ kind, unsupported }) => kind === 'docker' && unsupported === null),
  );
  const mounted = containers.flatMap((container) =>
    container.mounts.filter(({ writable, source }) => writable && source.startsWith('/')),
  );
  const sources = [
    ...volumes.map(({ mountpoint }) => mountpoint),
    ...mounted.map(({ source }) => source),
  ];
  return [...new Set(sources)];
}
