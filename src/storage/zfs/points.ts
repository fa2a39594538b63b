import { rm } from 'node:fs/promises';
import { mapLimited } from '../../model/limited.ts';
import type { StoredSnapshot } from '../../model/manifest.ts';
import type { Layout } from '../files/layout.ts';
import type { FiledSnapshot } from '../files/filed.ts';
import * as files from '../files/restore-points.ts';
import type { Home } from './home.ts';
import { notedImages } from './intent.ts';
import { datasetOf } from './names.ts';
import {
  destroyImages,
  expectDestroyable,
  holdImages,
  locateImages,
  located,
  releaseImages,
} from './snapshots.ts';
import { zfs } from './tool.ts';

const ASKED_AT_ONCE = 4;

/** Every restore point whose images are all there; `incomplete` are the ids of the others. */
export async function listRestorePoints(
  home: Home,
  layout: Layout,
  isWanted?: (id: string) => boolean,
): Promise<{ readonly points: readonly StoredSnapshot[]; readonly incomplete: readonly string[] }> {
  const filed = await files.listRestorePoints(layout, isWanted);
  const names = await locateImages(
    home,
    filed.map(({ manifest }) => manifest),
  );
  const found = filed.map((point) => located(point, home.pool.guid, names));
  return {
    points: found.filter((point) => point !== null),
    incomplete: filed.flatMap(({ manifest }, at) => (found[at] === null ? [manifest.id] : [])),
  };
}

/** Full names of the images of one restore point that are still there. */
async function imagesOf(home: Home, layout: Layout, id: string): Promise<readonly string[]> {
  const filed = await files.readRestorePoint(layout, id);
  return filed === null ? [] : imagesIn(home, filed);
}

async function imagesIn(
  home: Home,
  { manifest }: Pick<FiledSnapshot, 'manifest'>,
): Promise<readonly string[]> {
  const names = await locateImages(home, [manifest]);
  return manifest.volumes.flatMap(({ guid }) => names.get(guid) ?? []);
}

/** A pin is a file beside the manifest, and a hold on each image: nobody else destroys it either. */
export async function setPinned(
  home: Home,
  layout: Layout,
  request: { readonly id: string; readonly pinned: boolean },
): Promise<void> {
  const { id, pinned } = request;
  const images = await imagesOf(home, layout, id);
  if (pinned) await holdImages(images);
  await files.setPinned(layout, id, pinned);
  if (!pinned) await releaseImages(images);
}

/** Destroys a restore point. Throws IO_ERROR, and leaves it listed, when an image is held or cloned by another tool. */
export async function destroyRestorePoint(home: Home, layout: Layout, id: string): Promise<void> {
  await expectDestroyable(await imagesOf(home, layout, id));
  await files.destroyRestorePoint(layout, id, async (directory) => removeFiled(home, directory));
}

/** Removes an unlisted restore point, half built or half destroyed, with its images. */
export async function removeFiled(home: Home, directory: string): Promise<void> {
  const filed = await files.readManifestIn(directory);
  const published = filed === null ? [] : await imagesIn(home, { manifest: filed });
  await destroyImages([...new Set([...published, ...(await notedImages(directory))])]);
  await rm(directory, { recursive: true, force: true });
}

/** What `zfs destroy -n` says of all their images of a dataset at once: what these have in common goes too. Null where it would not destroy one. */
export async function freedBy(
  home: Home,
  layout: Layout,
  ids: readonly string[],
): Promise<number | null> {
  const wanted = new Set(ids);
  const { points } = await listRestorePoints(home, layout, (id) => wanted.has(id));
  const images = points.flatMap(({ locations }) => Object.values(locations));
  const datasets = [...Map.groupBy(images, datasetOf)];
  const freed = await mapLimited(datasets, ASKED_AT_ONCE, async ([dataset, snapshots]) => {
    const names = snapshots.map((snapshot) => snapshot.slice(dataset.length + 1));
    return reclaimable(`${dataset}@${names.join(',')}`);
  });
  return freed.reduce((sum, bytes) => (sum === null || bytes === null ? null : sum + bytes), 0);
}

async function reclaimable(snapshots: string): Promise<number | null> {
  const said = await zfs(['destroy', '-nvp', '--', snapshots]).catch(() => '');
  const bytes = /^reclaim\t(\d+)$/m.exec(said)?.[1];
  return bytes === undefined ? null : Number(bytes);
}
