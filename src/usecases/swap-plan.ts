import { CowherdError } from '../model/errors.ts';
import type { RecordedVolume } from '../model/manifest.ts';
import { hasDatasets } from '../model/snapshot.ts';
import type { SwapVolume, Tree } from '../model/transaction.ts';
import type { Placement, StageSource } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { canBeAdopted } from './coverage.ts';
import type { PlacedAgent } from './host.ts';
import { namesOf } from './nesting.ts';
import type { RestorePoint } from './restore-points.ts';
import { together } from './together.ts';

/** One volume that a transaction will swap, and where its new data comes from. */
export interface Swap {
  readonly placement: Placement;
  readonly kind: Tree['kind'];
  readonly source: StageSource;
}

/**
 * The swaps of a rollback: every volume of the restore point that is there, to be what it is now, isolated or not; one that
 * was created again is to be what it was. Throws TIER_UNSUPPORTED.
 */
export function rollbackSwaps(
  agent: PlacedAgent,
  { point, missing }: { point: RestorePoint; missing: readonly RecordedVolume[] },
): readonly Swap[] {
  const there = point.manifest.volumes.filter((volume) => !missing.includes(volume));
  return there.map((volume) => rollbackSwap(agent, point, volume));
}

function rollbackSwap(agent: PlacedAgent, point: RestorePoint, volume: RecordedVolume): Swap {
  const placement = agent.placements.find((one) => one.volume === volume.name);
  if (placement === undefined) throw notIts(agent, point, volume);
  expectSwappable(placement);
  expectCapturable(agent, placement);
  if (placement.fsId !== volume.fsId) {
    const message = `volume ${volume.name} lies on another filesystem than its image`;
    throw new CowherdError('TIER_UNSUPPORTED', message, {
      hint: 'move it back, or copy what you need out of the image by hand',
    });
  }
  const { image, nested } = volume;
  const locations = point.parts.get(volume.fsId)?.locations ?? {};
  const location = locations[image];
  if (location === undefined) {
    const message = `the images of ${point.manifest.id} are not on ${volume.fsId}`;
    throw new CowherdError('IO_ERROR', message, {
      hint: 'mount that filesystem, then run it again',
    });
  }
  const inside = nested.map((one) => ({ ...one, location: locations[one.image] ?? '' }));
  // Only a dataset can hold the datasets that were captured inside it.
  const whole = placement.isolated || nested.length > 0 || isNewborn(placement, volume);
  const kind = whole ? 'dataset' : 'directory';
  return { placement, kind, source: { from: 'image', location, nested: inside } };
}

/** Another incarnation than the captured one, which was isolated: what Docker makes is always a plain directory. */
function isNewborn({ incarnation }: Placement, volume: RecordedVolume): boolean {
  const before = volume.incarnation.directory;
  return volume.isolated && before !== null && incarnation !== null && incarnation !== before;
}

function notIts(
  agent: PlacedAgent,
  point: RestorePoint,
  { name, kind }: RecordedVolume,
): CowherdError {
  const what = kind === 'path' ? 'is not listed for it any more' : 'belongs to another agent now';
  return new CowherdError('TIER_UNSUPPORTED', `${name} of ${point.manifest.id} ${what}`, {
    hint: `cowherd agents shows whose it is; look at agents.paths of the config for ${agent.name}`,
  });
}

/** The swaps that make every volume of an agent isolated, or plain again. Throws TIER_UNSUPPORTED. */
export function conversionSwaps(agent: PlacedAgent, kind: Tree['kind']): readonly Swap[] {
  const wrong = agent.placements.filter(
    ({ fsId, tier, isolated }) =>
      fsId !== '' && hasDatasets(tier) && isolated === (kind === 'directory'),
  );
  return wrong.map((placement) => {
    expectSwappable(placement);
    if (placement.nested.length > 0) {
      throw new CowherdError(
        'TIER_UNSUPPORTED',
        `${placement.volume} holds nested subvolumes: ${namesOf(placement.nested)}`,
        {
          hint: 'make them plain directories or move them out, then run it again',
        },
      );
    }
    return { placement, kind, source: { from: 'live' } };
  });
}

/** What cannot be captured has no safety snapshot, and is not replaced. */
function expectCapturable({ name }: PlacedAgent, placement: Placement): void {
  const { volume, reason, hint } = placement;
  if (reason === null) return;
  throw new CowherdError('TIER_UNSUPPORTED', `${volume} cannot be captured as it is: ${reason}`, {
    hint: canBeAdopted(placement)
      ? `cowherd adopt ${name}, then run it again`
      : (hint ?? `cowherd doctor ${name} says what is missing`),
  });
}

function expectSwappable({ volume, fsId, reason, hint, notSwappable }: Placement): void {
  const why = fsId === '' ? reason : notSwappable;
  if (why === null) return;
  throw new CowherdError('TIER_UNSUPPORTED', `${volume} cannot be swapped: ${why}`, {
    hint: hint ?? 'cowherd doctor says what is missing',
  });
}

/** The record's view of a swap; the new tree is named when it exists. Throws IO_ERROR when the old data is gone. */
export async function swapVolume(context: Context, { placement, kind }: Swap): Promise<SwapVolume> {
  const store = await context.openStore(placement.fsId);
  const old = await store.treeAt(placement.pathInFs);
  if (old === null)
    throw new CowherdError(
      'IO_ERROR',
      `the data of ${placement.volume} is not at ${placement.mountpoint}`,
    );
  const { volume: name, fsId, pathInFs } = placement;
  return { name, fsId, pathInFs, old, new: { kind, guid: '' } };
}

/** Prepares the new data of every swap; gives the record's volumes with the new trees named. */
export async function stageAll(
  context: Context,
  transaction: string,
  swaps: readonly Swap[],
): Promise<readonly SwapVolume[]> {
  const stage = async (swap: Swap): Promise<SwapVolume> => {
    const store = await context.openStore(swap.placement.fsId);
    const volume = await swapVolume(context, swap);
    const { kind, source, placement } = swap;
    const tell = (message: string): void => {
      context.tell(`warning: ${message}`);
    };
    const tree = await store.stage({
      ...{ transaction, volume: placement, kind, source, tell },
      signal: context.interrupt,
    });
    return { ...volume, new: tree };
  };
  if (swaps.every(({ kind, source }) => kind === 'dataset' && source.from === 'image'))
    return together(swaps, stage);
  const volumes: SwapVolume[] = [];
  for (const swap of swaps) volumes.push(await stage(swap));
  return volumes;
}
