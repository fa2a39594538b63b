import { rm } from 'node:fs/promises';
import { arm, type Armed } from '../../exec/armed.ts';
import { ownerTag } from '../../exec/liveness.ts';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import type { Manifest, StoredSnapshot } from '../../model/manifest.ts';
import { encodeName } from '../../model/names.ts';
import type { Capture, CaptureSet, Image, Placement } from '../driver.ts';
import { exists } from '../../exec/durable.ts';
import {
  fileRestorePoint,
  makePartials,
  partialDirectory,
  publishRestorePoint,
} from '../files/restore-points.ts';
import type { Layout } from '../files/layout.ts';
import { guidsOf } from './datasets.ts';
import type { Home } from './home.ts';
import { noteImages } from './intent.ts';
import { CAPTURE, destroyImages, holdImages, located, markImages } from './snapshots.ts';
import { isSuspended, unlessSuspended } from './suspended.ts';
import { told, zpool } from './tool.ts';

const SOON_MS = 5_000;
const SURELY_MS = 60_000;

export interface CaptureRequest {
  readonly home: Home;
  readonly layout: Layout;
  readonly sets: readonly CaptureSet[];
  /** What the snapshots are called. */
  readonly name: string;
}

/** Prepares one atomic snapshot of all the volumes of some restore points. Throws TIER_UNSUPPORTED for one that is not isolated. */
export async function beginCapture(request: CaptureRequest): Promise<Capture> {
  const { layout, sets, name } = request;
  for (const { volumes } of sets) for (const volume of volumes) expectIsolated(volume);
  expectApart(sets);
  const all = [...new Set(sets.flatMap((set) => snapshotsOf(set, name)))];
  await makePartials(layout, sets, async (set, partial) =>
    noteImages(partial, snapshotsOf(set, name)),
  );
  let armed: Armed | null = await armSnapshot(all.length);
  return {
    flush: async (atRest) => flush(request.home, sets, atRest),
    take: async (signal) => {
      if (all.length > 0) await fire(armed ?? (await armSnapshot(all.length)), all, signal);
    },
    reset: async () => {
      armed = null;
      await undo(request, all);
    },
    finish: async (key) => finishImages(setOf(sets, key), name),
    location: (key, image) => locationOf(setOf(sets, key), name, image),
    publish: async (key, manifest, pinned) => publish(request, { key, manifest, pinned }),
    discard: async (key) => {
      const partial = partialDirectory(layout, key);
      if (!(await exists(partial))) return;
      await undo(request, snapshotsOf(setOf(sets, key), name));
      await rm(partial, { recursive: true, force: true });
    },
    close: async () => {
      armed?.disarm();
      return Promise.resolve();
    },
  };
}

/**
 * A snapshot holds every write(2), but not what a program changed in a mapping and the kernel has not written back yet, not even
 * after the program's end; syncfs(2) writes that. `zpool sync` then leaves `zfs snapshot` little to wait for. Nobody is frozen for a pool
 * that is suspended.
 */
async function flush({ pool }: Home, sets: readonly CaptureSet[], atRest: boolean): Promise<void> {
  const paths = sets.flatMap(({ volumes }) => volumes.map(({ mountpoint }) => mountpoint));
  const timeoutMs = atRest ? SURELY_MS : SOON_MS;
  const flushed = async () => {
    await unlessSuspended([pool.name], async (signal) => {
      if (paths.length > 0) await run('sync', ['-f', '--', ...paths], { timeoutMs, signal });
    });
    await zpool(['sync', pool.name], { timeoutMs });
  };
  await flushed().catch((error: unknown) => {
    if (atRest || isSuspended(error)) throw error;
  });
}

/** `zfs snapshot` of everything in one transaction group (zfs-snapshot(8)), with nothing left to be started when it is wanted. */
async function armSnapshot(count: number): Promise<Armed> {
  const args = ['snapshot', '-o', `${CAPTURE}=${ownerTag()}`, '--'];
  return arm({ file: 'zfs', args, groupSize: Math.max(1, count), groups: 1 });
}

async function fire(armed: Armed, names: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await unlessSuspended(names, async (suspended) =>
      armed.fire([names], AbortSignal.any([signal, suspended])),
    );
  } catch (error) {
    throw told(error);
  }
}

/** A `zfs snapshot` that was killed may still be on its way into a transaction group. */
async function undo({ home }: CaptureRequest, names: readonly string[]): Promise<void> {
  await zpool(['sync', home.pool.name]);
  await destroyImages(names);
}

function snapshotsOf({ volumes }: CaptureSet, name: string): readonly string[] {
  return volumes.map(({ dataset }) => `${dataset}@${name}`);
}

function setOf(sets: readonly CaptureSet[], key: string): CaptureSet {
  return sets.find((set) => set.key === key) ?? { key, volumes: [] };
}

function imageOf({ volume }: Placement): string {
  return `${encodeName(volume)}.image`;
}

function locationOf(set: CaptureSet, name: string, image: string): string {
  const volume = set.volumes.find((one) => imageOf(one) === image);
  return `${volume?.dataset ?? ''}@${name}`;
}

async function finishImages(set: CaptureSet, name: string): Promise<readonly Image[]> {
  const datasets = set.volumes.map(({ dataset }) => dataset);
  const guids = await guidsOf([...datasets, ...snapshotsOf(set, name)]);
  return set.volumes.map((volume) => {
    const guid = guids.get(`${volume.dataset}@${name}`);
    const sourceGuid = guids.get(volume.dataset);
    if (guid === undefined || sourceGuid === undefined)
      throw new CowherdError('IO_ERROR', `the snapshot of ${volume.dataset} vanished`, {
        hint: 'somebody renamed or destroyed it; run it again',
      });
    const { volume: named } = volume;
    return {
      volume: named,
      image: imageOf(volume),
      guid,
      sourceGuid,
      nested: [],
      lost: [],
      whole: true,
    };
  });
}

interface Publication {
  readonly key: string;
  readonly manifest: Manifest;
  readonly pinned: boolean;
}

async function publish(
  { home, layout, sets, name }: CaptureRequest,
  publication: Publication,
): Promise<StoredSnapshot> {
  const { manifest, pinned } = publication;
  const set = setOf(sets, publication.key);
  await fileRestorePoint(layout, publication);
  const images = set.volumes.map(({ volume, dataset }) => ({
    volume,
    snapshot: `${dataset}@${name}`,
  }));
  await markImages(manifest.id, images);
  if (pinned) await holdImages(images.map(({ snapshot }) => snapshot));
  await publishRestorePoint(layout, publication);
  const guidOf = new Map(manifest.volumes.map((volume) => [volume.name, volume.guid]));
  const names = new Map(images.map(({ volume, snapshot }) => [guidOf.get(volume) ?? '', snapshot]));
  const stored = located({ manifest, pinned, unpinned: false }, home.pool.guid, names);
  if (stored === null) throw new CowherdError('INTERNAL', `${manifest.id} lacks an image`);
  return stored;
}

/** Two restore points do not share a snapshot, or pruning one would take it from the other. */
function expectApart(sets: readonly CaptureSet[]): void {
  const owners = new Map<string, string>();
  for (const { key, volumes } of sets) {
    for (const { dataset, volume } of volumes) {
      const other = owners.get(dataset) ?? key;
      if (other !== key)
        throw new CowherdError(
          'TIER_UNSUPPORTED',
          `${volume} of ${key} is ${dataset}, the data of ${other} too: they are captured one after the other`,
        );
      owners.set(dataset, key);
    }
  }
}

function expectIsolated({ volume, isolated, dataset }: Placement): void {
  if (isolated) return;
  throw new CowherdError('TIER_UNSUPPORTED', `${volume} is a directory of ${dataset}`, {
    hint: 'cowherd adopt makes it a dataset of its own, which can be captured',
  });
}
