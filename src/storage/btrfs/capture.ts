import { posix } from 'node:path';
import { run } from '../../exec/run.ts';
import { toCowherdError } from '../../model/errors.ts';
import type { Capture, CaptureSet, Image, Placement } from '../driver.ts';
import { copyTree } from '../tree/copy-tree.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import {
  fileRestorePoint,
  makePartials,
  partialDirectory,
  publishRestorePoint,
} from '../files/restore-points.ts';
import { armSnapshots, type ArmedSnapshots, type Step } from './armed-snapshots.ts';
import { finishNested, takeNested, nestedSteps } from './capture-nested.ts';
import { imageName, located } from '../files/images.ts';
import { transientPath } from '../files/leftovers.ts';
import { removeImages } from './images.ts';
import { ioctls } from './ioctl.ts';
import { deleteSubvolume } from './delete-subvolume.ts';
import { createSubvolume, makeReadonly, showSubvolumes } from './subvolume.ts';

const PATIENCE = { timeoutMs: 5_000 };
/** What is written in so short a time is written out in the freeze as fast as before it. */
const FLUSHED_FOR_MS = 50;

/** Prepares the capture of some restore points; the containing subvolume of volumes that are not isolated is captured once for all. */
export async function beginCapture(layout: Layout, sets: readonly CaptureSet[]): Promise<Capture> {
  const shared = sharedSteps(layout, sets);
  const steps = [...shared.values(), ...sets.flatMap((set) => setSteps(layout, set))];
  await makePartials(layout, sets);
  const setOf = (key: string): CaptureSet | undefined => sets.find((set) => set.key === key);
  const inner = sets.flatMap((set) => nestedSteps(layout, set));
  let armed = await armAll(layout, steps, inner);
  return {
    flush: async () => flush(layout),
    take: async (signal) => {
      const outer = armed.outer.take(steps, signal);
      await Promise.all([outer, armed.inner && takeNested(armed.inner, inner, signal)]);
    },
    reset: async () => {
      for (const { target } of [...steps, ...inner]) await deleteSubvolume(target);
      disarm(armed);
      armed = await armAll(layout, steps, inner);
    },
    finish: async (key, signal) =>
      finishImages({ layout, key, shared, signal }, setOf(key)?.volumes ?? []),
    location: (key, image) => `${partialDirectory(layout, key)}/${image}`,
    publish: async (key, manifest, pinned) => {
      await fileRestorePoint(layout, { key, manifest, pinned });
      const directory = await publishRestorePoint(layout, { key, manifest, pinned });
      return located({ manifest, pinned, unpinned: false, directory });
    },
    discard: async (key) => removeImages(partialDirectory(layout, key)),
    close: async () => {
      disarm(armed);
      await Promise.all(Array.from(shared.values(), async ({ target }) => deleteSubvolume(target)));
    },
  };
}

/** A snapshot holds what is dirty in any case, mapped files included: this only spares the freeze the wait. */
async function flush({ top }: Layout): Promise<void> {
  if (performance.now() - (flushedAt.get(top) ?? -Infinity) < FLUSHED_FOR_MS) return;
  const process = ioctls();
  const asked = process.ask('sync', [[top]], PATIENCE);
  const [told] = await asked.catch((thrown: unknown) => [{ error: toCowherdError(thrown) }]);
  process.giveBack();
  if (told !== undefined && 'error' in told && told.error.details['timedOut'] !== true)
    await run('sync', ['-f', '--', top], PATIENCE).catch(() => undefined);
  flushedAt.set(top, performance.now());
}
const flushedAt = new Map<string, number>();

interface ArmedSteps {
  readonly outer: ArmedSnapshots;
  readonly inner: ArmedSnapshots | null;
}

async function armAll(
  { top }: Layout,
  outer: readonly Step[],
  inner: readonly Step[],
): Promise<ArmedSteps> {
  return {
    outer: await armSnapshots(top, outer.length),
    inner: inner.length === 0 ? null : await armSnapshots(top, inner.length),
  };
}

function disarm({ outer, inner }: ArmedSteps): void {
  outer.disarm();
  inner?.disarm();
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
    .map((volume) => ({
      source: hostPath(layout, volume.pathInFs),
      target: `${directory}/${imageName(volume)}`,
    }));
}

interface FinishRequest {
  readonly layout: Layout;
  readonly key: string;
  readonly shared: ReadonlyMap<string, Step>;
  readonly signal: AbortSignal | undefined;
}

async function finishImages(
  { layout, key, shared, signal }: FinishRequest,
  volumes: readonly Placement[],
): Promise<readonly Image[]> {
  const directory = partialDirectory(layout, key);
  const targets = volumes.map((volume) => `${directory}/${imageName(volume)}`);
  const whole = await Promise.all(
    volumes.map(async (volume, index) => {
      const transient = volume.isolated ? undefined : shared.get(volume.dataset)?.target;
      if (transient === undefined) return true;
      return readOut({ transient, volume, target: targets[index] ?? '', signal });
    }),
  );
  const shown = await showSubvolumes(targets);
  return Promise.all(
    volumes.map(async (volume, index) => ({
      volume: volume.volume,
      image: imageName(volume),
      guid: shown[index]?.uuid ?? '',
      sourceGuid: shown[index]?.parentUuid ?? '',
      ...(await finishNested(volume, { directory, image: imageName(volume) })),
      whole: whole[index] ?? false,
    })),
  );
}

interface ReadOut {
  readonly transient: string;
  readonly volume: Placement;
  readonly target: string;
  readonly signal: AbortSignal | undefined;
}

/** Copies a volume's directory out of the image of the subvolume around it, into a read-only subvolume of its own. False when not all of it. */
async function readOut({ transient, volume, target, signal }: ReadOut): Promise<boolean> {
  await createSubvolume(target);
  const whole = await copyTree(posix.join(transient, insideDataset(volume)), target, {
    sharing: 'shared',
    leaveTooDeep: true,
    ...(signal === undefined ? {} : { signal }),
  });
  await makeReadonly(target);
  return whole;
}

/** Where a volume that is not isolated lies inside the dataset around it. */
export function insideDataset(volume: Pick<Placement, 'dataset' | 'pathInFs'>): string {
  return posix.relative(volume.dataset, volume.pathInFs);
}
