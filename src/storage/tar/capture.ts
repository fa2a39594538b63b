import { mkdir } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
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
import { removeTree } from '../tree/remove-tree.ts';
import { archivesIn, baseOf, fileArchive, newArchive } from './archives.ts';
import { compareStaged } from './compare-staged.ts';
import { lastArchive, noteArchive } from './last-archive.ts';
import { noteMaking } from './needed.ts';
import { pass, stagedTree } from './pass.ts';
import { markWritten } from './staged-listing.ts';
import {
  openStaged,
  refresh,
  sinceNow,
  writeOut,
  type Staged,
  type StagingHome,
} from './staging.ts';

interface Step {
  readonly key: string;
  readonly staged: Staged;
  /** The archive that will be made of it. */
  readonly name: string;
}

const FLUSH_TIMEOUT_MS = 60_000;

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
  const published = new Set<string>();
  return {
    expectedMs: () => expectedMs,
    ...taking(home, steps, whole),
    finish: async (key, ending) => {
      const images: Image[] = [];
      for (const step of inOrder(sets, steps, key))
        images.push(imageOf(step, await archiveOf(home, step, ending), whole.get(step) ?? false));
      return images;
    },
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
        await removeTree(`${archivesIn(layout)}/${name}`);
    },
    close: () => {
      for (const { staged } of steps) staged.release();
      return Promise.resolve();
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
    await mkdir(archivesIn(layout), { recursive: true, mode: 0o700 });
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

function taking(
  home: StagingHome,
  steps: readonly Step[],
  whole: Map<Step, boolean>,
): Pick<Capture, 'flush' | 'take' | 'reset'> {
  const { layout, runtimeDir } = home;
  let since = sinceNow(home);
  return {
    flush: async () => {
      since = sinceNow(home);
      const timeoutMs = FLUSH_TIMEOUT_MS;
      await run('sync', ['-f', '--', layout.top], { timeoutMs }).catch(() => undefined);
    },
    take: async (signal) => {
      const all = steps.map(async (step) => {
        const { live, place } = step.staged;
        const passed = await pass({ live, place, since, still: true, runtimeDir, signal });
        whole.set(step, passed.whole);
      });
      const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
    reset: () => Promise.resolve(),
  };
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

function notTaken(image: string): never {
  throw new CowherdError('INTERNAL', `${image} is none of this capture`);
}

async function archiveOf(
  home: StagingHome,
  { staged, name }: Step,
  signal: AbortSignal | undefined,
): Promise<Archive> {
  const { layout, runtimeDir, now } = home;
  const { place } = staged;
  const specials = await compareStaged(place, { runtimeDir, signal });
  await writeOut(home, signal);
  await markWritten(place);
  const last = await lastArchive(place);
  const chain = last === null ? null : await wholeChain(layout, last);
  const base = chain === null ? null : baseOf(chain, now());
  const directory = archivesIn(layout);
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
