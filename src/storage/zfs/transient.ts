import { mkdir, rm } from 'node:fs/promises';
import { posix } from 'node:path';
import { isOwnerAlive, ownerTag } from '../../exec/liveness.ts';
import { mountOf, pathInFilesystem, type Mount } from '../../model/mountinfo.ts';
import type { Placement } from '../driver.ts';
import { namesIn, type Layout } from '../files/layout.ts';
import { readMounts } from '../mounts.ts';
import type { Home } from './home.ts';
import { withMounted } from './images.ts';
import { noteImages, notedImages } from './intent.ts';
import { CAPTURE, destroyImages } from './snapshots.ts';
import { zfs } from './tool.ts';

let transients = 0;

export interface TransientRequest {
  readonly home: Home;
  readonly layout: Layout;
  readonly volumes: readonly Placement[];
  /** What the snapshots are called. */
  readonly name: string;
}

/** Gives transient read-only images of volumes to `use`, in their order; volumes in one dataset share one. Removed whatever happens. */
export async function withTransientImages<T>(
  { home, layout, volumes, name }: TransientRequest,
  use: (roots: readonly string[]) => Promise<T>,
): Promise<T> {
  transients += 1;
  const note = `${layout.transient}/${ownerTag()}-${String(transients)}`;
  const datasets = [...new Set(volumes.map(({ dataset }) => dataset))];
  const sources = datasets.map((dataset) => `${dataset}@${name}`);
  const mounts = await readMounts();
  await mkdir(note, { mode: 0o700 });
  await noteImages(note, sources);
  try {
    await zfs(['snapshot', '-o', `${CAPTURE}=${ownerTag()}`, '--', ...sources]);
    return await withMounted(home.runtimeDir, { sources, mode: 'ro' }, async (roots) => {
      const rootOf = new Map(datasets.map((dataset, index) => [dataset, roots[index] ?? '']));
      return use(
        volumes.map((volume) =>
          posix.join(rootOf.get(volume.dataset) ?? '', insideDataset(volume, mounts)),
        ),
      );
    });
  } finally {
    await removeTransient(note);
  }
}

/** Where a volume lies inside its dataset, with a leading slash. */
function insideDataset({ mountpoint }: Placement, mounts: readonly Mount[]): string {
  const mount = mountOf(mountpoint, mounts);
  return mount === null ? '/' : pathInFilesystem(mountpoint, mount);
}

async function removeTransient(note: string): Promise<void> {
  await destroyImages(await notedImages(note));
  await rm(note, { recursive: true, force: true });
}

/** Notes of dead processes. Host paths. */
export async function deadTransients(layout: Layout): Promise<readonly string[]> {
  const names = await namesIn(layout.transient);
  return names.flatMap((name) => {
    const owner = /^\d+-\d+(?=-\d+$)/.exec(name)?.[0];
    return owner === undefined || isOwnerAlive(owner) ? [] : [`${layout.transient}/${name}`];
  });
}

/** Removes what they noted, and the notes. */
export async function removeDeadTransients(layout: Layout): Promise<void> {
  for (const note of await deadTransients(layout)) await removeTransient(note);
}
