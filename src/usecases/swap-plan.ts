import { CowherdError } from '../model/errors.ts';
import type { RecordedVolume } from '../model/manifest.ts';
import type { SwapVolume, Tree } from '../model/transaction.ts';
import type { Placement, StageSource } from '../storage/driver.ts';
import type { Context } from './context.ts';
import type { PlacedAgent } from './host.ts';
import type { RestorePoint } from './restore-points.ts';

/** One volume that a transaction will swap, and where its new data comes from. */
export interface Swap {
  readonly placement: Placement;
  readonly kind: Tree['kind'];
  readonly source: StageSource;
}

/** The swaps of a rollback: every volume of the restore point, to be what it is now, isolated or not. Throws TIER_UNSUPPORTED. */
export function rollbackSwaps(agent: PlacedAgent, point: RestorePoint): readonly Swap[] {
  return point.manifest.volumes.map((volume) => rollbackSwap(agent, point, volume));
}

function rollbackSwap(agent: PlacedAgent, point: RestorePoint, volume: RecordedVolume): Swap {
  const placement = agent.placements.find((one) => one.volume === volume.name);
  if (placement === undefined) {
    throw new CowherdError(
      'TIER_UNSUPPORTED',
      `volume ${volume.name} of ${point.manifest.id} does not exist any more`,
      {
        hint: `docker volume create ${volume.name} (with its labels), then run it again`,
      },
    );
  }
  expectSwappable(placement);
  if (placement.fsId !== volume.fsId) {
    throw new CowherdError(
      'TIER_UNSUPPORTED',
      `volume ${volume.name} lies on another filesystem than its image`,
      {
        hint: 'move it back, or copy what you need out of the image by hand',
      },
    );
  }
  const directory = point.directories.get(volume.fsId);
  if (directory === undefined)
    throw new CowherdError(
      'IO_ERROR',
      `the images of ${point.manifest.id} are not on ${volume.fsId}`,
    );
  return {
    placement,
    kind: placement.isolated ? 'dataset' : 'directory',
    source: { from: 'image', directory, image: volume.image, nested: volume.nested },
  };
}

/** The swaps that make every volume of an agent isolated, or plain again. Throws TIER_UNSUPPORTED. */
export function conversionSwaps(agent: PlacedAgent, kind: Tree['kind']): readonly Swap[] {
  const wrong = agent.placements.filter(
    ({ fsId, isolated }) => fsId !== '' && isolated === (kind === 'directory'),
  );
  return wrong.map((placement) => {
    expectSwappable(placement);
    if (placement.nested.length > 0) {
      throw new CowherdError(
        'TIER_UNSUPPORTED',
        `${placement.volume} holds nested subvolumes: ${placement.nested.join(', ')}`,
        {
          hint: 'make them plain directories or move them out, then run it again',
        },
      );
    }
    return { placement, kind, source: { from: 'live' } };
  });
}

function expectSwappable({ volume, fsId, reason, notSwappable }: Placement): void {
  const why = fsId === '' ? reason : notSwappable;
  if (why === null) return;
  throw new CowherdError('TIER_UNSUPPORTED', `${volume} cannot be swapped: ${why}`, {
    hint: 'cowherd doctor says what is missing',
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
  const volumes: SwapVolume[] = [];
  for (const swap of swaps) {
    const store = await context.openStore(swap.placement.fsId);
    const volume = await swapVolume(context, swap);
    const { kind, source, placement } = swap;
    volumes.push({
      ...volume,
      new: await store.stage({ transaction, volume: placement, kind, source }),
    });
  }
  return volumes;
}
