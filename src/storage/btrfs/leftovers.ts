import { rm } from 'node:fs/promises';
import { isOwnerAlive } from '../../exec/liveness.ts';
import { namesIn, type Layout } from '../files/layout.ts';
import { deadRecords } from '../files/records.ts';
import { deadDirectories } from '../files/restore-points.ts';
import { removeImages } from './images.ts';
import { deleteSubvolume } from './subvolume.ts';

/** What dead runs left: half-built and half-destroyed restore points, and transient images. Host paths. */
export async function findLeftovers(layout: Layout): Promise<readonly string[]> {
  const found = [deadDirectories(layout), deadTransients(layout), deadRecords(layout)];
  return (await Promise.all(found)).flat();
}

/** Removes them; gives the removed paths. */
export async function removeLeftovers(layout: Layout): Promise<readonly string[]> {
  const found = await findLeftovers(layout);
  for (const path of found) {
    if (path.startsWith(`${layout.transient}/`)) await deleteSubvolume(path);
    else if (path.startsWith(`${layout.transactions}/`)) await rm(path, { force: true });
    else await removeImages(path);
  }
  return found;
}

async function deadTransients(layout: Layout): Promise<readonly string[]> {
  const names = await namesIn(layout.transient);
  return names.flatMap((name) => {
    const owner = /^\d+-\d+(?=-\d+$)/.exec(name)?.[0];
    return owner === undefined || isOwnerAlive(owner) ? [] : [`${layout.transient}/${name}`];
  });
}
