import { mkdir } from 'node:fs/promises';
import type { Capture, CaptureSet, Image, Placement } from '../driver.ts';
import type { Archive } from '../archive/read-index.ts';
import { writeArchive } from '../archive/write-archive.ts';
import { located, removeDirectory, wholeChain } from './located.ts';
import {
  fileRestorePoint,
  makePartials,
  partialDirectory,
  publishRestorePoint,
} from '../files/restore-points.ts';
import { scratchesOn } from '../files/scratch.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { baseOf, fileArchive, newArchive } from './archives.ts';
import { compareStaged } from './compare-staged.ts';
import { lastArchive, noteArchive } from './last-archive.ts';
import { noteMaking } from './needed.ts';
import { stagedTree } from './pass.ts';
import { settleLive } from './settle-live.ts';
import { markWritten } from './staged-listing.ts';
import { openStaged, refresh, writeOut, type StagingHome } from './staging.ts';
import { notTaken, replacing, taking, type Moved, type Step } from './taking.ts';

/**
 * Prepares copies of volumes that nothing can snapshot: made while they are in use, so that a last short pass in the freeze makes them
 * whole. The archives are written after the thaw. Throws NO_SPACE, TOOL_FAILED, LOCKED.
 */
export async function beginCapture(
  home: StagingHome,
  sets: readonly CaptureSet[],
  signal?: AbortSignal,
): Promise<Capture> {
  const { layout } = home;
  const { steps, expectedMs } = await prepare(home, sets, signal);
  const whole = new Map<Step, boolean>();
  const moved: Moved = new Map();
  const published = new Set<string>();
  const scratches = scratchesOn(layout);
  return {
    expectedMs: () => expectedMs,
    live: { ...replacing(home, steps, moved), scratch: scratches.make },
    ...taking(home, steps, { whole, moved }),
    finish: async (key, ending) => archiveAll(home, { sets, steps, key, whole, moved }, ending),
    location: (_, image) =>
      stagedTree(steps.find(({ name }) => name === image)?.staged.place ?? notTaken(image)),
    publish: async (key, manifest, pinned) => {
      await fileRestorePoint(layout, { key, manifest, pinned });
      const directory = await publishRestorePoint(layout, { key, manifest, pinned });
      published.add(key);
      for (const { staged, name } of steps.filter((step) => step.key === key))
        await noteArchive(staged.place, name);
      return located(layout, { manifest, pinned, unpinned: false, directory });
    },
    discard: async (key) => {
      await removeDirectory(partialDirectory(layout, key));
      if (published.has(key)) return;
      for (const { name } of steps.filter((step) => step.key === key))
        await removeTree(`${layout.archives}/${name}`);
    },
    close: async () => {
      for (const { staged } of steps) staged.release();
      await scratches.remove();
    },
  };
}

interface Prepared {
  readonly steps: readonly Step[];
  readonly expectedMs: number;
}

async function prepare(
  home: StagingHome,
  sets: readonly CaptureSet[],
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const { layout } = home;
  const steps: Step[] = [];
  let expectedMs = 0;
  try {
    await mkdir(layout.archives, { recursive: true, mode: 0o700 });
    await makePartials(layout, sets);
    for (const { key, volume } of sorted(sets)) {
      const staged = await openStaged(home, volume);
      steps.push({ key, staged, name: newArchive(volume.volume) });
      expectedMs = Math.max(expectedMs, await refresh(home, staged, signal));
    }
    for (const { key } of sets) {
      const names = await Promise.all(steps.filter((step) => step.key === key).map(involved));
      await noteMaking(home, partialDirectory(layout, key), names.flat());
    }
    return { steps, expectedMs };
  } catch (error) {
    for (const { staged } of steps) staged.release();
    for (const { key } of sets) await removeDirectory(partialDirectory(layout, key));
    signal?.throwIfAborted();
    throw error;
  }
}

/** The archive that is made, and the one it may be put on top of. */
async function involved({ name, staged }: Step): Promise<readonly string[]> {
  const last = await lastArchive(staged.place);
  return last === null ? [name] : [name, last];
}

/** In one order, so that no two runs wait for each other. */
function sorted(
  sets: readonly CaptureSet[],
): readonly { readonly key: string; readonly volume: Placement }[] {
  const all = sets.flatMap(({ key, volumes }) => volumes.map((volume) => ({ key, volume })));
  return all.sort((a, b) => (a.volume.volume < b.volume.volume ? -1 : 1));
}

/** The steps of a set, in the order of its volumes. */
function inOrder(
  sets: readonly CaptureSet[],
  steps: readonly Step[],
  key: string,
): readonly Step[] {
  const volumes = sets.find((set) => set.key === key)?.volumes ?? [];
  return volumes.flatMap((volume) => steps.find((step) => step.staged.volume === volume) ?? []);
}

interface Finishing {
  readonly sets: readonly CaptureSet[];
  readonly steps: readonly Step[];
  readonly key: string;
  readonly whole: ReadonlyMap<Step, boolean>;
  readonly moved: Moved;
}

async function archiveAll(
  home: StagingHome,
  { sets, steps, key, whole, moved }: Finishing,
  signal: AbortSignal | undefined,
): Promise<readonly Image[]> {
  const images: Image[] = [];
  for (const step of inOrder(sets, steps, key)) {
    const { replaced, unread = [] } = moved.get(step) ?? {};
    const archive = await archiveOf(home, step, { replaced, signal });
    images.push({ ...imageOf(step, archive, whole.get(step) ?? false), unread });
  }
  return images;
}

interface Archiving {
  /** Undefined where nobody wrote. */
  readonly replaced: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal | undefined;
}

async function archiveOf(
  home: StagingHome,
  { staged, name }: Step,
  { replaced, signal }: Archiving,
): Promise<Archive> {
  const { layout, runtimeDir, now } = home;
  const { place, live } = staged;
  const options = { runtimeDir, signal };
  const specials =
    replaced === undefined
      ? await compareStaged(place, options)
      : (await settleLive({ ...options, place, live, replaced })).specials;
  await writeOut(home, signal);
  await markWritten(place);
  const last = await lastArchive(place);
  const chain = last === null ? null : await wholeChain(layout, last);
  const base = chain === null ? null : baseOf(chain, now());
  const directory = layout.archives;
  const written = await writeArchive({
    ...{ source: stagedTree(place), directory, name, base, runtimeDir, signal },
  });
  const summary = { ...written, ...specials };
  const path = `${directory}/${name}`;
  const beneath = base === null ? null : last;
  await fileArchive(path, { summary, base: beneath, createdAt: now().toISOString() });
  return { path, summary };
}

function imageOf({ staged, name }: Step, { summary }: Archive, whole: boolean): Image {
  const { volume, sourceGuid } = staged;
  return {
    ...{ volume: volume.volume, image: name, guid: summary.sha256, sourceGuid },
    ...{ nested: [], lost: [], whole },
  };
}
