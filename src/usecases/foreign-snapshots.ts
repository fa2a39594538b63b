import type { Dataset, Store } from '../storage/driver.ts';

type Datasets = Pick<Store, 'datasets' | 'treeAt'>;

const OUR_STORE = '/.cowherd/';

/** Paths of the snapshots of one dataset that other tools took: whatever is its snapshot and not in our store. */
export async function foreignSnapshots(
  store: Datasets,
  dataset: string,
): Promise<readonly string[]> {
  const datasets = await store.datasets();
  const guid =
    datasets.find(({ path }) => path === dataset)?.guid ?? (await guidAt(store, dataset));
  return datasets.flatMap(({ path, parentGuid }) =>
    guid !== null && parentGuid === guid && !path.startsWith(OUR_STORE) ? [path] : [],
  );
}

/** The dataset that holds a path, other than one that lies at the path itself: the longest above it, else the filesystem's top. */
export function datasetAround(datasets: readonly Pick<Dataset, 'path'>[], path: string): string {
  const above = datasets.filter((dataset) => path.startsWith(`${dataset.path}/`));
  return above.reduce(
    (best, dataset) => (dataset.path.length > best.length ? dataset.path : best),
    '/',
  );
}

/** A filesystem's top is in no listing. Null where it has no identity, as one made before btrfs-progs 4.16. */
async function guidAt(store: Datasets, path: string): Promise<string | null> {
  const tree = await store.treeAt(path).catch(() => null);
  return tree?.kind === 'dataset' ? tree.guid : null;
}
