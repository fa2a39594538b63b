import type { ForeignSnapshots, Placement } from '../driver.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import { listSubvolumes } from './list-subvolumes.ts';
import { treeAtPath } from './trees.ts';

/** `Store.foreignSnapshots`: whatever is a snapshot of a subvolume around a volume, our images left out. */
export async function foreignSnapshots(
  layout: Layout,
  volumes: readonly Placement[],
): Promise<readonly ForeignSnapshots[]> {
  const listed = await listSubvolumes(layout);
  const subvolumes = listed.map((one) => ({ ...one, path: one.path.toString() }));
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

interface Listed {
  readonly path: string;
  readonly parentGuid: string | null;
}

/** Paths of the snapshots of one subvolume. */
export function snapshotsOf(subvolumes: readonly Listed[], guid: string | null): readonly string[] {
  return subvolumes.flatMap(({ path, parentGuid }) =>
    guid !== null && parentGuid === guid ? [path] : [],
  );
}

/** The subvolume that holds a path, other than one that lies at the path itself: the longest above it, else the filesystem's top. */
export function subvolumeAround(subvolumes: readonly Pick<Listed, 'path'>[], path: string): string {
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
