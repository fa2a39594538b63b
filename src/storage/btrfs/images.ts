import { rm, rmdir } from 'node:fs/promises';
import { systemCode } from '../../model/errors.ts';
import type { StoredSnapshot } from '../../model/manifest.ts';
import { namesIn } from '../files/layout.ts';
import type { FiledSnapshot } from '../files/restore-points.ts';
import { deleteSubvolume, isSubvolume } from './subvolume.ts';

/** A restore point with where its images are: in the directory of its manifest. */
export function located({ manifest, pinned, directory }: FiledSnapshot): StoredSnapshot {
  const images = manifest.volumes.flatMap(({ image, nested }) => [
    image,
    ...nested.map((inner) => inner.image),
  ]);
  const locations = Object.fromEntries(images.map((image) => [image, `${directory}/${image}`]));
  return { manifest, pinned, locations };
}

/** Removes a directory of ours with the subvolumes and files directly in it; anything else in it makes this fail. Gone already is success. */
export async function removeImages(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    const path = `${directory}/${name}`;
    if (await isSubvolume(path)) await deleteSubvolume(path);
    else await rm(path, { force: true });
  }
  await rmdir(directory).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
}
