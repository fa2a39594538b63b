import { rm } from 'node:fs/promises';
import { isOwnerAlive, ownerTag } from '../../exec/liveness.ts';
import { namesIn, type Layout } from './layout.ts';
import { deadRecords } from './records.ts';
import { deadDirectories } from './restore-points.ts';

let transients = 0;

/** A path for a transient image of this process; whatever lies there when the process is gone is a leftover. */
export function transientPath(layout: Layout): string {
  transients += 1;
  return `${layout.transient}/${ownerTag()}-${String(transients)}`;
}

/** What dead runs left: half-built and half-destroyed restore points, and transient images. Host paths. */
export async function findLeftovers(layout: Layout): Promise<readonly string[]> {
  const found = [deadDirectories(layout), deadTransients(layout), deadRecords(layout)];
  return (await Promise.all(found)).flat();
}

/** How a transient image, and the directory of a restore point with all that is in it, are removed. */
export interface Removal {
  readonly transient: (path: string) => Promise<void>;
  readonly images: (directory: string) => Promise<void>;
}

/** Removes them; gives the removed paths. */
export async function removeLeftovers(
  layout: Layout,
  removal: Removal,
): Promise<readonly string[]> {
  const found = await findLeftovers(layout);
  for (const path of found) {
    if (path.startsWith(`${layout.transient}/`)) await removal.transient(path);
    else if (path.startsWith(`${layout.transactions}/`)) await rm(path, { force: true });
    else await removal.images(path);
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
