import { exists } from '../../exec/durable.ts';
import type { Store } from '../driver.ts';
import { located } from './images.ts';
import { findLeftovers, removeLeftovers, type Removal } from './leftovers.ts';
import * as records from './records.ts';
import * as points from './restore-points.ts';
import { destroyAside, type Trees } from './swap.ts';

type Keeping = Pick<
  Store,
  | 'list'
  | 'damaged'
  | 'has'
  | 'setPinned'
  | 'destroy'
  | 'freed'
  | 'movedMounts'
  | 'leftovers'
  | 'collectLeftovers'
>;

export interface Kept {
  readonly fsId: string;
  readonly trees: Trees;
  readonly removal: Removal;
}

/** Restore points whose images are in the directories of their manifests. */
export function keeping(kept: Kept): Keeping {
  const { layout } = kept.trees;
  return {
    list: async (isWanted) => (await points.listRestorePoints(layout, isWanted)).map(located),
    damaged: async (whole) => points.damagedRestorePoints(layout, whole),
    has: async (id) => exists(`${layout.snapshots}/${id}`),
    setPinned: async (id, pinned) => points.setPinned(layout, id, pinned),
    destroy: async (id) => destroyWithRetired(kept, id),
    // What images share with each other and with the volumes, neither btrfs without quotas nor XFS says.
    freed: async () => Promise.resolve(null),
    // mountinfo follows a rename: the root of a mount made before it names the place the data was moved to.
    movedMounts: async ({ id }) =>
      Promise.resolve(({ root }) => root.includes('.cowherd') && root.includes(id)),
    leftovers: async () => findLeftovers(layout),
    collectLeftovers: async () => removeLeftovers(layout, kept.removal),
  };
}

/** A safety snapshot takes with it the data that its rollback retired. */
async function destroyWithRetired({ fsId, trees, removal }: Kept, id: string): Promise<void> {
  const { layout } = trees;
  for (const record of await records.listRetired(layout)) {
    if (record.safety !== id) continue;
    for (const volume of record.volumes.filter((one) => one.fsId === fsId))
      await destroyAside(trees, { record, volume, which: 'old' });
    await records.dropRetired(layout, record.id);
  }
  await points.destroyRestorePoint(layout, id, removal.images);
}
