import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import type { Capture, CaptureSet, Image, Placement } from '../driver.ts';
import type { LiveCopies } from '../live-copies.ts';
import { imageName, located } from '../files/images.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import {
  fileRestorePoint,
  makePartials,
  partialDirectory,
  publishRestorePoint,
} from '../files/restore-points.ts';
import { areQuiet } from '../files/quiet-files.ts';
import { replaceFiles } from '../files/replace-files.ts';
import { scratchesOn, type Scratches } from '../files/scratch.ts';
import { copyFiles } from '../tree/copy-tree.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { countEntries, msPerEntry, noteCost, type Cost } from './copy-cost.ts';
import { removeImages, treeAtPath } from './trees.ts';

const FLUSH_TIMEOUT_MS = 60_000;

interface Step {
  readonly key: string;
  readonly volume: Placement;
  readonly source: string;
  readonly target: string;
}

interface Taken {
  readonly whole: boolean;
  readonly sourceGuid: string;
}

export interface CapturePlace {
  readonly layout: Layout;
  readonly now: () => Date;
}

/**
 * Prepares images that share their files' data with the volumes. There is no atomic one: what they show is one moment only
 * while nobody writes, and each takes a time that grows with the number of entries.
 */
export async function beginCapture(
  { layout, now }: CapturePlace,
  sets: readonly CaptureSet[],
  ending?: AbortSignal,
): Promise<Capture> {
  const steps = sets.flatMap((set) => stepsOf(layout, set));
  const entries = await countAll(steps, ending);
  const expectedMs = entries * (await msPerEntry(layout, now()));
  await makePartials(layout, sets);
  const taken = new Map<string, Taken>();
  const scratches = scratchesOn(layout);
  let cost: Cost | null = null;
  return {
    expectedMs: () => expectedMs,
    live: liveCopies(steps, scratches),
    flush: async () => flush(layout),
    take: async (signal, moving) => {
      const begun = performance.now();
      await takeAll(steps, { signal, moving, taken });
      cost = { entries, tookMs: performance.now() - begun };
    },
    reset: async () => {
      for (const { target } of steps) await removeTree(target);
    },
    finish: async (key) =>
      Promise.resolve(steps.filter((step) => step.key === key).map((step) => imageOf(step, taken))),
    location: (key, image) => `${partialDirectory(layout, key)}/${image}`,
    publish: async (key, manifest, pinned) => {
      if (cost !== null) await noteCost(layout, cost);
      await run('sync', ['-f', '--', layout.top]);
      await fileRestorePoint(layout, { key, manifest, pinned });
      const directory = await publishRestorePoint(layout, { key, manifest, pinned });
      return located({ manifest, pinned, unpinned: false, directory });
    },
    discard: async (key) => removeImages(partialDirectory(layout, key)),
    close: scratches.remove,
  };
}

function liveCopies(steps: readonly Step[], scratches: Scratches): LiveCopies {
  const stepOf = (name: string) => steps.find(({ volume }) => volume.volume === name);
  const treeOf = (name: string): string => stepOf(name)?.target ?? '';
  return {
    location: treeOf,
    scratch: scratches.make,
    areQuiet: async (name, paths, since) =>
      areQuiet({ live: stepOf(name)?.source ?? '', tree: treeOf(name), since }, paths),
    replace: async (name, files) => replaceFiles(treeOf(name), files),
  };
}

/** One after the other: they share a disk with whoever works on it. */
async function countAll(steps: readonly Step[], signal: AbortSignal | undefined): Promise<number> {
  let entries = 0;
  for (const { source } of steps) entries += await countEntries(source, signal);
  signal?.throwIfAborted();
  return entries;
}

interface Taking {
  readonly signal: AbortSignal;
  readonly moving: ReadonlySet<string> | undefined;
  readonly taken: Map<string, Taken>;
}

/** All have settled when it returns or throws. */
async function takeAll(steps: readonly Step[], { signal, moving, taken }: Taking): Promise<void> {
  const all = steps.map(async (step) => {
    const isMoving = moving?.has(step.key) === true;
    taken.set(step.target, await take(step, isMoving, signal));
  });
  const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

function stepsOf(layout: Layout, { key, volumes }: CaptureSet): readonly Step[] {
  return volumes.map((volume) => ({
    key,
    volume,
    source: hostPath(layout, volume.pathInFs),
    target: `${partialDirectory(layout, key)}/${imageName(volume)}`,
  }));
}

/** A copy shares what is on the disk (ioctl_ficlone(2) writes dirty data out first): this spares the freeze the wait. */
async function flush({ top }: Layout): Promise<void> {
  const timeoutMs = FLUSH_TIMEOUT_MS;
  await run('sync', ['-f', '--', top], { timeoutMs }).catch(() => undefined);
}

async function take(
  { source, target }: Step,
  moving: boolean,
  signal: AbortSignal,
): Promise<Taken> {
  await mkdir(target, { mode: 0o700 });
  const how = { leaveTooDeep: true, urgent: !moving, moving } as const;
  const options = { sharing: 'shared', ...how, signal } as const;
  const whole = await copyFiles(source, target, options);
  return { whole, sourceGuid: (await treeAtPath(source))?.guid ?? '' };
}

function imageOf({ volume, target }: Step, taken: ReadonlyMap<string, Taken>): Image {
  const { whole = false, sourceGuid = '' } = taken.get(target) ?? {};
  const image = imageName(volume);
  return {
    ...{ volume: volume.volume, image, guid: randomUUID(), sourceGuid },
    ...{ nested: [], lost: [], whole },
  };
}
