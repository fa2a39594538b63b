import { posix } from 'node:path';
import { arm, type Armed } from '../../exec/armed.ts';
import { ownerTag } from '../../exec/liveness.ts';
import { run } from '../../exec/run.ts';
import { encodeName } from '../../model/names.ts';
import type { Capture, CaptureSet, Image, Placement } from '../driver.ts';
import { copyTree } from '../tree/copy-tree.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import {
  fileRestorePoint,
  makePartials,
  partialDirectory,
  publishRestorePoint,
} from '../files/restore-points.ts';
import { located, removeImages } from './images.ts';
import { createSubvolume, deleteSubvolume, makeReadonly, showSubvolume } from './subvolume.ts';

const FLUSH_TIMEOUT_MS = 5_000;

interface Step {
  readonly source: string;
  readonly target: string;
}

let transients = 0;

/** A path for a transient image of this process; whatever lies there when the process is gone is a leftover. */
export function transientPath(layout: Layout): string {
  transients += 1;
  return `${layout.transient}/${ownerTag()}-${String(transients)}`;
}

/** Prepares the capture of some restore points; the containing subvolume of volumes that are not isolated is captured once for all. */
export async function beginCapture(layout: Layout, sets: readonly CaptureSet[]): Promise<Capture> {
  const shared = sharedSteps(layout, sets);
  const steps = [...shared.values(), ...sets.flatMap((set) => setSteps(layout, set))];
  await makePartials(layout, sets);
  const setOf = (key: string): CaptureSet | undefined => sets.find((set) => set.key === key);
  let armed: Armed | null = armSnapshots(steps.length);
  return {
    flush: async () => flush(layout),
    take: async (signal) => {
      await (armed ?? armSnapshots(steps.length)).fire(
        steps.map(({ source, target }) => [source, target]),
        signal,
      );
    },
    reset: async () => {
      armed = null;
      for (const { target } of steps) await deleteSubvolume(target);
    },
    finish: async (key) =>
      Promise.all(
        (setOf(key)?.volumes ?? []).map(async (volume) =>
          finishImage({ layout, key, volume, shared }),
        ),
      ),
    location: (key, image) => `${partialDirectory(layout, key)}/${image}`,
    publish: async (key, manifest, pinned) => {
      await fileRestorePoint(layout, { key, manifest, pinned });
      const directory = await publishRestorePoint(layout, { key, manifest, pinned });
      return located({ manifest, pinned, directory });
    },
    discard: async (key) => removeImages(partialDirectory(layout, key)),
    close: async () => {
      armed?.disarm();
      await Promise.all(Array.from(shared.values(), async ({ target }) => deleteSubvolume(target)));
    },
  };
}

/** A snapshot holds what is dirty in any case, mapped files included: this only spares the freeze the wait. */
async function flush({ top }: Layout): Promise<void> {
  await run('sync', ['-f', '--', top], { timeoutMs: FLUSH_TIMEOUT_MS }).catch(() => undefined);
}

/** Atomic read-only snapshots, of any number of subvolumes, with nothing left to be started when they are wanted. */
function armSnapshots(groups: number): Armed {
  const args = ['subvolume', 'snapshot', '-r', '--'];
  return arm({ file: 'btrfs', args, groupSize: 2, groups });
}

function sharedSteps(layout: Layout, sets: readonly CaptureSet[]): ReadonlyMap<string, Step> {
  const datasets = new Set(
    sets.flatMap((set) =>
      set.volumes.filter((volume) => !volume.isolated).map(({ dataset }) => dataset),
    ),
  );
  return new Map(
    Array.from(datasets, (dataset) => [
      dataset,
      { source: hostPath(layout, dataset), target: transientPath(layout) },
    ]),
  );
}

function setSteps(layout: Layout, set: CaptureSet): readonly Step[] {
  const directory = partialDirectory(layout, set.key);
  return set.volumes
    .filter(({ isolated }) => isolated)
    .flatMap((volume) => {
      const source = hostPath(layout, volume.pathInFs);
      const nested = volume.nested.map((path, index) => ({
        source: `${source}/${path}`,
        target: `${directory}/${nestedName(volume, index)}`,
      }));
      return [{ source, target: `${directory}/${imageName(volume)}` }, ...nested];
    });
}

function imageName(volume: Placement): string {
  return `${encodeName(volume.volume)}.image`;
}

function nestedName(volume: Placement, index: number): string {
  return `${encodeName(volume.volume)}.nested-${String(index)}`;
}

interface FinishRequest {
  readonly layout: Layout;
  readonly key: string;
  readonly volume: Placement;
  readonly shared: ReadonlyMap<string, Step>;
}

async function finishImage({ layout, key, volume, shared }: FinishRequest): Promise<Image> {
  const image = imageName(volume);
  const target = `${partialDirectory(layout, key)}/${image}`;
  const transient = volume.isolated ? undefined : shared.get(volume.dataset)?.target;
  if (transient !== undefined) await readOut({ transient, volume, target });
  const shown = await showSubvolume(target);
  return {
    volume: volume.volume,
    image,
    guid: shown.uuid,
    sourceGuid: shown.parentUuid ?? '',
    nested: volume.nested.map((path, index) => ({ path, image: nestedName(volume, index) })),
  };
}

/** Copies a volume's directory out of the image of the subvolume around it, into a read-only subvolume of its own. */
async function readOut({
  transient,
  volume,
  target,
}: {
  transient: string;
  volume: Placement;
  target: string;
}): Promise<void> {
  await createSubvolume(target);
  await copyTree(posix.join(transient, insideDataset(volume)), target, 'shared');
  await makeReadonly(target);
}

/** Where a volume that is not isolated lies inside the dataset around it. */
export function insideDataset(volume: Pick<Placement, 'dataset' | 'pathInFs'>): string {
  return posix.relative(volume.dataset, volume.pathInFs);
}
