import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import type { Capture, CaptureSet, Image, Placement } from '../driver.ts';
import { imageName, located } from '../files/images.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import {
  fileRestorePoint,
  makePartials,
  partialDirectory,
  publishRestorePoint,
} from '../files/restore-points.ts';
import { replaceFiles } from '../files/replace-files.ts';
import { scratchesOn } from '../files/scratch.ts';
import { copyFiles } from '../tree/copy-tree.ts';
import { removeTree } from '../tree/remove-tree.ts';
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

/**
 * Prepares images that share their files' data with the volumes. There is no atomic one: what they show is one moment only
 * while nobody writes, and each takes a time that grows with the number of entries.
 */
export async function beginCapture(layout: Layout, sets: readonly CaptureSet[]): Promise<Capture> {
  await makePartials(layout, sets);
  const steps = sets.flatMap((set) => stepsOf(layout, set));
  const taken = new Map<string, Taken>();
  const scratches = scratchesOn(layout);
  const treeOf = (name: string): string =>
    steps.find(({ volume }) => volume.volume === name)?.target ?? '';
  return {
    live: {
      location: treeOf,
      scratch: scratches.make,
      replace: async (name, files) => replaceFiles(treeOf(name), files),
    },
    flush: async () => flush(layout),
    take: async (signal, moving) => {
      const all = steps.map(async (step) => {
        const isMoving = moving?.has(step.key) === true;
        taken.set(step.target, await take(step, isMoving, signal));
      });
      const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
    reset: async () => {
      for (const { target } of steps) await removeTree(target);
    },
    finish: async (key) =>
      Promise.resolve(steps.filter((step) => step.key === key).map((step) => imageOf(step, taken))),
    location: (key, image) => `${partialDirectory(layout, key)}/${image}`,
    publish: async (key, manifest, pinned) => {
      await run('sync', ['-f', '--', layout.top]);
      await fileRestorePoint(layout, { key, manifest, pinned });
      const directory = await publishRestorePoint(layout, { key, manifest, pinned });
      return located({ manifest, pinned, unpinned: false, directory });
    },
    discard: async (key) => removeImages(partialDirectory(layout, key)),
    close: scratches.remove,
  };
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
