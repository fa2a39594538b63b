import { rmdir } from 'node:fs/promises';
import { systemCode } from '../../model/errors.ts';
import type { StoredSnapshot } from '../../model/manifest.ts';
import { encodeName } from '../../model/names.ts';
import type { Placement } from '../driver.ts';
import { namesIn } from './layout.ts';
import type { FiledSnapshot } from './filed.ts';

/** A restore point with where its images are: in the directory of its manifest. */
export function located({ manifest, pinned, unpinned, directory }: FiledSnapshot): StoredSnapshot {
  const images = manifest.volumes.flatMap(({ image, nested }) => [
    image,
    ...nested.map((inner) => inner.image),
  ]);
  const locations = Object.fromEntries(images.map((image) => [image, `${directory}/${image}`]));
  return { manifest, pinned, unpinned, locations };
}

/** What a volume's image is called in its restore point. */
export function imageName({ volume }: Pick<Placement, 'volume'>): string {
  return `${encodeName(volume)}.image`;
}

/** Removes a directory of ours with what `remove` removes of what is directly in it; anything left makes this fail. Gone already is success. */
export async function removeImages(
  directory: string,
  remove: (path: string) => Promise<void>,
): Promise<void> {
  for (const name of await namesIn(directory)) await remove(`${directory}/${name}`);
  await rmdir(directory).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
}
