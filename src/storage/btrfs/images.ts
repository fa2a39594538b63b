import { rm } from 'node:fs/promises';
import { removeImages as removeEach } from '../files/images.ts';
import { deleteSubvolume } from './delete-subvolume.ts';
import { isSubvolume } from './subvolume.ts';

/** Removes a directory of ours with the subvolumes and files directly in it; anything else in it makes this fail. Gone already is success. */
export async function removeImages(directory: string): Promise<void> {
  await removeEach(directory, async (path) =>
    (await isSubvolume(path)) ? deleteSubvolume(path) : rm(path, { force: true }),
  );
}
