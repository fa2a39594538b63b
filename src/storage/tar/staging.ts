import { mkdir, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lockFile } from '../../exec/flock.ts';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import { encodeName } from '../../model/names.ts';
import type { Placement } from '../driver.ts';
import { withSignal } from '../archive/listing.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import { treeAtPath } from '../plain/trees.ts';
import { measureTree } from '../tree/compare-tree.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { movingPass } from './moving-pass.ts';
import { stagedTree } from './pass.ts';
import { readListing } from './staged-listing.ts';

/** What a staged volume needs of its filesystem. */
export interface StagingHome {
  readonly fsId: string;
  readonly layout: Layout;
  readonly runtimeDir: string;
  readonly now: () => Date;
}

/** The copy of a volume that is kept from one capture to the next, locked: nobody else makes it anew meanwhile. */
export interface Staged {
  readonly volume: Placement;
  readonly live: string;
  readonly place: string;
  /** Inode number of the directory that is copied. */
  readonly sourceGuid: string;
  readonly release: () => void;
}

const LOCK_WAIT_MS = 10 * 60_000;
const SYNC_TIMEOUT_MS = 10 * 60_000;
const MOST_PASSES = 6;
/** A pass that takes no longer is short enough to be the last one but that of the freeze. */
const SHORT_MS = 250;
/** The next one is worth it when it is shorter by so much. */
const SHORTER = 0.7;
/** How far the clock that stamps files may lag (jiffies), and some. */
const MARGIN_S = 1;

/** Where the copies of a filesystem's volumes are. */
export function stagingIn({ store }: Layout): string {
  return `${store}/staging`;
}

/** Held by whoever makes a copy anew or reads it. */
export function stagingLock(runtimeDir: string, key: string): string {
  return `${runtimeDir}/staging-${key}.lock`;
}

/** Opens the copy of a volume; another directory of its name has another. Throws LOCKED, IO_ERROR when there is no data. */
export async function openStaged(
  { layout, runtimeDir }: StagingHome,
  volume: Placement,
): Promise<Staged> {
  const live = hostPath(layout, volume.pathInFs);
  const tree = await treeAtPath(live);
  if (tree === null)
    throw new CowherdError('IO_ERROR', `the data of ${volume.volume} is not at ${live}`);
  const key = `${encodeName(volume.volume)}.${volume.incarnation ?? tree.guid}`;
  const place = `${stagingIn(layout)}/${key}`;
  await mkdir(stagedTree(place), { recursive: true, mode: 0o700 });
  const lock = await lockFile(stagingLock(runtimeDir, key), LOCK_WAIT_MS);
  if (lock === null)
    throw new CowherdError('LOCKED', `another run has been copying ${volume.volume} for 10 min`);
  const release = (): void => {
    lock.release();
  };
  return { volume, live, place, sourceGuid: tree.guid, release };
}

/** Seconds of the clock, before which whatever is written out now was written. */
export function sinceNow({ now }: StagingHome): number {
  return now().getTime() / 1000 - MARGIN_S;
}

/** Passes over a volume in use, until another would hardly be shorter. Gives how long the last took (ms). Throws NO_SPACE, TOOL_FAILED. */
export async function refresh(
  home: StagingHome,
  staged: Staged,
  signal?: AbortSignal,
): Promise<number> {
  if (await isNew(staged)) await beginAnew(home, staged);
  let before = Infinity;
  for (let round = 1; ; round += 1) {
    const since = sinceNow(home);
    await writeOut(home, signal);
    const begun = performance.now();
    const { live, place } = staged;
    await movingPass({ live, place, since, runtimeDir: home.runtimeDir, signal });
    const tookMs = performance.now() - begun;
    const isDone = tookMs < SHORT_MS || tookMs > before * SHORTER || round === MOST_PASSES;
    if (isDone) return tookMs;
    before = tookMs;
  }
}

/** Writes out what is dirty on the filesystem. */
export async function writeOut({ layout }: StagingHome, signal?: AbortSignal): Promise<void> {
  const options = withSignal({ timeoutMs: SYNC_TIMEOUT_MS }, signal);
  await run('sync', ['-f', '--', layout.top], options);
}

/** What is there of a copy that no listing speaks of is of no use. */
async function beginAnew(home: StagingHome, staged: Staged): Promise<void> {
  const tree = stagedTree(staged.place);
  await removeTree(tree);
  await mkdir(tree, { mode: 0o700 });
  await expectRoom(home, staged);
}

async function isNew({ place }: Staged): Promise<boolean> {
  const { entries } = await readListing(place);
  const first = await entries.next();
  await entries.return();
  return first.done === true;
}

/** The copy, and the first archive of it in the worst case. */
async function expectRoom({ layout }: StagingHome, { live, volume }: Staged): Promise<void> {
  const { top } = layout;
  const archives = dirname(layout.archives);
  const { allocatedBytes } = await measureTree(live);
  const apart = (await stat(top)).dev !== (await stat(archives)).dev;
  const needs = apart
    ? [
        { what: `a copy of ${volume.volume} takes`, bytes: allocatedBytes, path: top },
        { what: `an archive of ${volume.volume} takes`, bytes: allocatedBytes, path: archives },
      ]
    : [
        {
          what: `a copy of ${volume.volume} and an archive of it take`,
          bytes: 2 * allocatedBytes,
          path: top,
        },
      ];
  for (const need of needs) await expectFree(need);
}

interface Need {
  readonly what: string;
  readonly bytes: number;
  /** Somewhere on the filesystem. */
  readonly path: string;
}

async function expectFree({ what, bytes, path }: Need): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  const missing = bytes - bavail * bsize;
  if (missing <= 0) return;
  throw new CowherdError(
    'NO_SPACE',
    `${what} up to ${String(bytes)} bytes: ${String(missing)} are missing`,
    {
      hint: 'free that much on its filesystem, set `archives` to another, or move the volume to one with snapshots',
      details: { missingBytes: missing },
    },
  );
}
