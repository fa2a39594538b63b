import type { ForeignSnapshots, Placement } from '../driver.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import { listSubvolumes, type ListedSubvolume } from './subvolume.ts';
import { treeAtPath } from './swap.ts';

const OUR_STORE = '/.cowherd/';

/** `Store.foreignSnapshots`: whatever is a snapshot of a subvolume around a volume and not in our store. */
export async function foreignSnapshots(
  layout: Layout,
  volumes: readonly Placement[],
): Promise<readonly ForeignSnapshots[]> {
  const subvolumes = await listSubvolumes(layout.top);
  const around = Map.groupBy(volumes, ({ pathInFs }) => subvolumeAround(subvolumes, pathInFs));
  const found = await Promise.all(
    Array.from(around, async ([dataset, inside]) => {
      const guid =
        subvolumes.find(({ path }) => path === dataset)?.guid ?? (await topGuid(layout, dataset));
      const names = inside.map(({ volume }) => volume);
      return { dataset, snapshots: snapshotsOf(subvolumes, guid), volumes: names };
    }),
  );
  return found.filter(({ snapshots }) => snapshots.length > 0);
}

/** Paths of the snapshots of one subvolume that are not ours. */
export function snapshotsOf(
  subvolumes: readonly ListedSubvolume[],
  guid: string | null,
): readonly string[] {
  return subvolumes.flatMap(({ path, parentGuid }) =>
    guid !== null && parentGuid === guid && !path.startsWith(OUR_STORE) ? [path] : [],
  );
}

/** The subvolume that holds a path, other than one that lies at the path itself: the longest above it, else the filesystem's top. */
export function subvolumeAround(
  subvolumes: readonly Pick<ListedSubvolume, 'path'>[],
  path: string,
): string {
  const above = subvolumes.filter((subvolume) => path.startsWith(`${subvolume.path}/`));
  return above.reduce(
    (best, subvolume) => (subvolume.path.length > best.length ? subvolume.path : best),
    '/',
  );
}

/** A filesystem's top is in no listing. Null where it has no identity, as one made before btrfs-progs 4.16. */
async function topGuid(layout: Layout, path: string): Promise<string | null> {
  const tree = await treeAtPath(hostPath(layout, path)).catch(() => null);
  return tree?.kind === 'dataset' ? tree.guid : null;
}
