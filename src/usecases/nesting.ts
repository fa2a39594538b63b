import { lstat } from 'node:fs/promises';
import { filePath, pathBytes } from '../model/file-path.ts';
import { shortened } from '../model/names.ts';
import type { DatasetPlace, NestedDataset, Placement } from '../storage/driver.ts';
import { identityOf } from '../storage/way.ts';
import type { Context } from './context.ts';
import { someOf } from './finding.ts';
import { hasStore, type PlacedAgent } from './host.ts';

/** Datasets inside one volume that are captured with it: each takes its part of a freeze. */
const MOST_NESTED = 1_000;
/** What an agent's manifest may spend on where they are. */
const MOST_BYTES = 128 * 1024;
/** In a volume; a rollback puts it at a place whose own path may be some hundred bytes longer. */
export const LONGEST_NESTED = 3_500;

/**
 * Gives an agent with the datasets nested in its volumes, which only the filesystem's own listing tells; each filesystem
 * is listed once. Throws what the listing throws (IO_ERROR …): of an agent so seen nothing may be captured.
 */
export function nesting(context: Context): (agent: PlacedAgent) => Promise<PlacedAgent> {
  const known = new Map<string, Promise<readonly DatasetPlace[]>>();
  const datasetsOf = async (fsId: string): Promise<readonly DatasetPlace[]> => {
    const listing =
      known.get(fsId) ?? context.openStore(fsId).then(async (store) => store.datasets());
    known.set(fsId, listing);
    return listing;
  };
  return async (agent) => {
    const maxBytes = MOST_BYTES / agent.placements.length;
    const seen = async (placement: Placement): Promise<Placement> =>
      hasStore(placement) ? nest(placement, await datasetsOf(placement.fsId), maxBytes) : placement;
    return { ...agent, placements: await Promise.all(agent.placements.map(seen)) };
  };
}

/** How old (ms) a listing may be; what is made in a volume after it, its image tells. */
const FRESH_MS = 2_000;

/**
 * `nesting` of agents that are looked at once more, each when its turn comes: a listing, which costs time with all that is on a
 * filesystem, serves the next ones too while it is fresh and their volumes have the data they had before it.
 */
export function nestingByTurns(
  context: Context,
  agents: readonly PlacedAgent[],
): (agent: PlacedAgent) => Promise<PlacedAgent> {
  const begin = () => ({
    begun: context.ticks(),
    data: dataOf(agents),
    nest: nesting(context),
  });
  let listing = begin();
  return async (agent) => {
    const [now, before] = await Promise.all([dataOf([agent]), listing.data]);
    const isSame = [...now].every(([at, identity]) => before.get(at) === identity);
    if (!isSame || context.ticks() - listing.begun > FRESH_MS) {
      listing = begin();
      await listing.data;
    }
    return listing.nest(agent);
  };
}

/** Which tree lies at each volume's place; a rollback or an adoption puts another there. */
async function dataOf(agents: readonly PlacedAgent[]): Promise<ReadonlyMap<string, string>> {
  const places = agents.flatMap(({ placements }) => placements.map(({ mountpoint }) => mountpoint));
  const found = await Promise.all(
    places.map(
      async (place) => [place, await lstat(place).then(identityOf, () => 'none')] as const,
    ),
  );
  return new Map(found);
}

/** A placement with its nested datasets; only a dataset of its own can be captured together with them. */
export function nest(
  placement: Placement,
  datasets: readonly DatasetPlace[],
  maxBytes = MOST_BYTES,
): Placement {
  const inside = Buffer.from(`${placement.pathInFs === '/' ? '' : placement.pathInFs}/`);
  const within = datasets.flatMap((dataset) => {
    const bytes = pathBytes(dataset);
    const isInside =
      bytes.length > inside.length && bytes.subarray(0, inside.length).equals(inside);
    return isInside ? [{ ...dataset, bytes: bytes.subarray(inside.length) }] : [];
  });
  const nested = withReasons(within, maxBytes);
  if (nested.length === 0 || placement.isolated) return { ...placement, nested };
  const reason = `it holds nested subvolumes (${namesOf(nested)}), which can be captured only with a volume that is isolated`;
  return { ...placement, nested, reason: placement.reason ?? reason };
}

/** Paths of datasets for a message. */
export function namesOf(nested: readonly Pick<NestedDataset, 'path'>[]): string {
  return someOf(nested.map(({ path }) => shortened(path)));
}

/** What of an isolated volume a capture leaves out, and why, in one sentence; null where that is nothing. */
export function notCaptured({ volume, nested }: Placement): string | null {
  const left = nested.filter(({ reason }) => reason !== null);
  const reasons = [...new Set(left.map(({ reason }) => reason))].join('; ');
  if (left.length === 0) return null;
  return `${volume} holds nested subvolumes that are not captured: ${namesOf(left)} (${reasons})`;
}

interface Within {
  readonly bytes: Buffer;
  readonly reachable: boolean;
}

/** Outer ones first, so that what is over the limit never holds what is not. */
function withReasons(within: readonly Within[], maxBytes: number): readonly NestedDataset[] {
  const outerFirst = [...within].sort((a, b) => a.bytes.length - b.bytes.length);
  let spent = 0;
  return outerFirst.map(({ bytes, reachable }, index) => {
    const path = filePath(bytes);
    spent += JSON.stringify(path).length;
    if (!reachable || bytes.length > LONGEST_NESTED)
      return { ...path, reason: 'its path is too long' };
    const tooMany = index >= MOST_NESTED || spent > maxBytes;
    return { ...path, reason: tooMany ? 'there are too many of them' : null };
  });
}
