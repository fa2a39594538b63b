import { posix } from 'node:path';
import type { Placement } from '../driver.ts';
import { transientPath } from '../files/leftovers.ts';
import { insideDataset } from './capture.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import { deleteSubvolume } from './delete-subvolume.ts';
import { isSubvolume, snapshotSubvolume } from './subvolume.ts';

/**
 * Gives transient read-only images of some volumes to `use`, in their order: one image for all that lie in the same
 * subvolume. Removed whatever happens.
 */
export async function withTransientImages<T>(
  layout: Layout,
  volumes: readonly Placement[],
  use: (roots: readonly string[]) => Promise<T>,
): Promise<T> {
  const targets = new Map(volumes.map(({ dataset }) => [dataset, transientPath(layout)]));
  try {
    for (const [dataset, target] of targets)
      await snapshotSubvolume(hostPath(layout, dataset), target, { readonly: true });
    return await use(
      volumes.map((volume) => posix.join(targets.get(volume.dataset) ?? '', insideDataset(volume))),
    );
  } finally {
    for (const target of targets.values())
      if (await isSubvolume(target)) await deleteSubvolume(target);
  }
}
