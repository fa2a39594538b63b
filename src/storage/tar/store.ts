import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Tree } from '../../model/transaction.ts';
import type { Capabilities } from '../capabilities.ts';
import type { Driver, Placement, StageRequest, Store, Use } from '../driver.ts';
import { extractArchive } from '../archive/extract-archive.ts';
import { verifyChain } from '../archive/verify-archive.ts';
import { besidePath, createLayout, type Layout } from '../files/layout.ts';
import { transientPath } from '../files/leftovers.ts';
import * as points from '../files/restore-points.ts';
import {
  CAPABILITIES as SHARING,
  homeOf,
  readonlyPath,
  stageCopy,
  storeOf,
  type Home,
  type PlainOptions,
} from '../plain/store.ts';
import { treeAtPath } from '../plain/trees.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { chainOf } from './archives.ts';
import { beginCapture } from './capture.ts';
import { sorted } from './located.ts';
import { bytesWithout, removeUnneeded, unneededNow } from './needed.ts';
import { stagedTree } from './pass.ts';
import { placedStore } from './placed-store.ts';
import { openStaged, refresh, stagingIn, type StagingHome } from './staging.ts';

const CAPABILITIES: Capabilities = { ...SHARING, sharedCopies: false, imagesAtHand: false };

export interface TarOptions extends PlainOptions {
  /** `archives` of the config. */
  readonly archives: string | null;
}

/** The driver of filesystems that can do nothing for us: volumes are copied, and the copies archived. */
export function tarDriver({ runtimeDir, now, archives }: TarOptions): Driver {
  return {
    tier: 'tar',
    capabilities: CAPABILITIES,
    open: async (fsId) => {
      const home = await homeOf(fsId, runtimeDir);
      const storeOf = (layout: Layout): Store =>
        tarStore({ ...home, layout }, { fsId, layout, runtimeDir, now });
      return placedStore(storeOf(home.layout), {
        ...{ layout: home.layout, storeOf },
        wanted: archives === null ? null : `${archives}/${fsId}`,
        lock: `${runtimeDir}/archive-places-${fsId}.lock`,
      });
    },
  };
}

function tarStore(home: Home, staging: StagingHome): Store {
  const { layout } = home;
  const plain = storeOf(home, staging.now);
  return {
    ...plain,
    capabilities: CAPABILITIES,
    list: async (isWanted) =>
      (await sorted(layout, await points.listRestorePoints(layout, isWanted))).whole,
    damaged: async (known) => {
      const filed = await points.listRestorePoints(layout, (id) => known?.has(id) !== true);
      const { incomplete } = await sorted(layout, filed);
      const readable = new Set([...(known ?? []), ...filed.map(({ manifest }) => manifest.id)]);
      return [...incomplete, ...(await points.damagedRestorePoints(layout, readable))];
    },
    capture: async (sets, signal) => {
      await createLayout(layout);
      return beginCapture(staging, sets, signal);
    },
    withImages: async (volumes, use, signal) => withCopies(home, staging, { volumes, use, signal }),
    readImages: async (locations, use) => withExtracted(home, staging, { locations, use }),
    stage: async (request) => stage(staging, request),
    destroy: async (id) => {
      await plain.destroy(id);
      await removeUnneeded(staging);
    },
    freed: async (ids) => bytesWithout(staging, new Set(ids)),
    leftovers: async () => [...(await plain.leftovers()), ...(await unneededNow(staging))],
    collectLeftovers: async () => [
      ...(await plain.collectLeftovers()),
      ...(await removeUnneeded(staging)),
    ],
  };
}

interface Copies<T> {
  readonly volumes: readonly Placement[];
  readonly use: Use<T>;
  readonly signal: AbortSignal | undefined;
}

/** Copies of volumes as they are now, made while they are in use. */
async function withCopies<T>(
  home: Home,
  staging: StagingHome,
  { volumes, use, signal }: Copies<T>,
): Promise<T> {
  await createLayout(home.layout);
  const opened: (() => void)[] = [];
  try {
    const roots: string[] = [];
    for (const volume of volumes) {
      const staged = await openStaged(staging, volume);
      opened.push(staged.release);
      await refresh(staging, staged, signal);
      roots.push(readonlyPath(home, stagedTree(staged.place)));
    }
    return await use(roots);
  } finally {
    for (const release of opened) release();
  }
}

interface Extracted<T> {
  readonly locations: readonly string[];
  readonly use: Use<T>;
}

/** What is an archive is extracted for the time; a copy that is there is given as it is. */
async function withExtracted<T>(
  home: Home,
  staging: StagingHome,
  { locations, use }: Extracted<T>,
): Promise<T> {
  const { layout } = home;
  const transient: string[] = [];
  try {
    const roots: string[] = [];
    for (const location of locations) {
      if (location.startsWith(`${stagingIn(layout)}/`)) {
        roots.push(readonlyPath(home, location));
        continue;
      }
      const target = transientPath(layout);
      transient.push(target);
      await extractInto(staging, { archive: location, target });
      roots.push(readonlyPath(home, target));
    }
    return await use(roots);
  } finally {
    for (const target of transient) await removeTree(target);
  }
}

interface Extraction {
  /** Where the newest of its chain is. */
  readonly archive: string;
  /** Made here. */
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
}

/** Everything is verified and vetted before the first byte is extracted. Throws ARCHIVE_DAMAGED, NO_SPACE. */
async function extractInto(
  { layout, runtimeDir }: StagingHome,
  { archive: newest, target, signal }: Extraction,
): Promise<void> {
  await createLayout(layout);
  const { archives: chain } = await chainOf({ archives: dirname(newest) }, basename(newest));
  const options = { runtimeDir, signal };
  await verifyChain(chain, options);
  await mkdir(target, { mode: 0o700 });
  const scratch = transientPath(layout);
  await mkdir(scratch, { mode: 0o700 });
  try {
    await extractArchive({ chain, target, scratch, ...options });
  } finally {
    await removeTree(scratch);
  }
}

/** The prepared data is built before anybody is stopped, and so everything about its archives is found before. */
async function stage(staging: StagingHome, request: StageRequest): Promise<Tree> {
  const { source, volume, transaction, signal } = request;
  if (source.from !== 'image') return stageCopy(staging.layout, request, 'copied');
  const target = besidePath(staging.layout, transaction, volume.pathInFs, 'new');
  await extractInto(staging, { archive: source.location, target, signal });
  const tree = await treeAtPath(target);
  if (tree === null) throw new Error(`staged data vanished: ${target}`);
  return tree;
}
