import { mkdir, statfs } from 'node:fs/promises';
import type { Capabilities } from '../capabilities.ts';
import type { Driver, Placement, StageRequest, Store } from '../driver.ts';
import type { Tree } from '../../model/transaction.ts';
import { besidePath, createLayout, hostPath, layoutOf, type Layout } from '../files/layout.ts';
import { transientPath } from '../files/leftovers.ts';
import { keeping } from '../files/keeping.ts';
import { expectOwnStore } from '../files/own.ts';
import { recording } from '../files/recording.ts';
import { swapping } from '../files/swap.ts';
import { ensureMounted, PRIVATE_OPTIONS } from '../private-mount.ts';
import { compareTrees, measureTree } from '../tree/compare-tree.ts';
import { copyTree, type Sharing } from '../tree/copy-tree.ts';
import { expectCopyable } from '../tree/copyable.ts';
import { lookThrough } from '../tree/look-through.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { beginCapture } from './capture.ts';
import { mountedAs, plainId } from './filesystem.ts';
import { removeImages, treeAtPath, treesOf } from './trees.ts';

/** Of a filesystem on which files can share their data. */
export const CAPABILITIES: Capabilities = {
  atomicGroup: false,
  instantRollback: false,
  clone: false,
  nativeSend: false,
  resumableSend: false,
  holds: false,
  bookmarks: false,
  diff: false,
  sharedCopies: true,
  imagesAtHand: true,
};

/** Where one filesystem is, for us alone: as it is, and so that nobody writes. */
export interface Home {
  readonly fsId: string;
  readonly layout: Layout;
  readonly readonlyTop: string;
}

export interface PlainOptions {
  /** Holds private mounts. */
  readonly runtimeDir: string;
  readonly now: () => Date;
}

/** The driver of XFS with reflinks: an image is a directory whose files share their data with the volume's. */
export function reflinkDriver({ runtimeDir, now }: PlainOptions): Driver {
  return {
    tier: 'reflink',
    capabilities: CAPABILITIES,
    open: async (fsId) => storeOf(await homeOf(fsId, runtimeDir), now),
  };
}

/** Mounts it. Throws TOOL_FAILED, IO_ERROR when it is mounted nowhere; PERMISSION_DENIED for a store that is not root's alone. */
export async function homeOf(fsId: string, runtimeDir: string): Promise<Home> {
  const lock = `${runtimeDir}/mount-${fsId}.lock`;
  const isWanted = async (mount: Parameters<typeof plainId>[0]): Promise<boolean> =>
    mount.root === '/' && (await plainId(mount)) === fsId;
  const top = await ensureMounted({
    ...{ runtimeDir, target: `${runtimeDir}/fs/${fsId}`, lock, isWanted },
    mount: async () => {
      const { device, fstype, access } = await mountedAs(fsId);
      // What is mounted once more must be as writable as it is (EBUSY).
      return ['-t', fstype, '-o', `${access},${PRIVATE_OPTIONS}`, device];
    },
  });
  const readonlyTop = await ensureMounted({
    ...{ runtimeDir, target: `${runtimeDir}/ro/${fsId}`, lock, isWanted, readonly: true },
    mount: async () => Promise.resolve(['-o', `bind,ro,${PRIVATE_OPTIONS}`, top]),
  });
  const layout = layoutOf(top);
  await expectOwnStore(layout);
  return { fsId, layout, readonlyTop };
}

/** The store of a filesystem whose images are directories. */
export function storeOf(home: Home, now: () => Date): Store {
  const { fsId, layout } = home;
  const trees = treesOf(layout);
  return {
    fsId,
    capabilities: CAPABILITIES,
    datasets: async () => Promise.resolve([]),
    foreignSnapshots: async () => Promise.resolve([]),
    ...keeping({ fsId, trees, removal: { transient: removeTree, images: removeImages } }),
    ...capturing(home, now),
    inspect: async (request) => ({ ...(await lookThrough(request)), receivedGuid: null }),
    ...staging(layout),
    ...swapping(trees),
    ...recording(layout),
    concerns: async () => concernsOf(layout),
  };
}

/** Images are directories that root could write to: they are given through a mount in which nobody can. */
function capturing(
  { layout, readonlyTop }: Home,
  now: () => Date,
): Pick<Store, 'capture' | 'withImages' | 'readImages'> {
  const readonly = (path: string): string => readonlyPath({ layout, readonlyTop }, path);
  return {
    capture: async (sets, signal) => {
      await createLayout(layout);
      return beginCapture({ layout, now }, sets, signal);
    },
    withImages: async (volumes, use) => {
      await createLayout(layout);
      const targets = volumes.map(() => transientPath(layout));
      try {
        for (const [index, { pathInFs }] of volumes.entries())
          await copyInto(hostPath(layout, pathInFs), targets[index] ?? '');
        return await use(targets.map(readonly));
      } finally {
        for (const target of targets) await removeTree(target);
      }
    },
    readImages: async (locations, use) => use(locations.map(readonly)),
  };
}

/** A host path of the filesystem where nobody can write. */
export function readonlyPath({ layout, readonlyTop }: Omit<Home, 'fsId'>, path: string): string {
  return `${readonlyTop}${path.slice(layout.top.length)}`;
}

async function copyInto(source: string, target: string): Promise<void> {
  await mkdir(target, { mode: 0o700 });
  await copyTree(source, target, { sharing: 'shared', leaveTooDeep: true });
}

function staging(
  layout: Layout,
): Pick<Store, 'stage' | 'inherited' | 'expectCopyable' | 'measure'> {
  const place = ({ pathInFs }: Pick<Placement, 'pathInFs'>): string => hostPath(layout, pathInFs);
  return {
    stage: async (request) => stageCopy(layout, request, 'shared'),
    inherited: async () => Promise.resolve([]),
    expectCopyable: async (volume, signal) => expectCopyable(place(volume), signal),
    measure: async (volume, signal) => measureTree(place(volume), signal),
  };
}

/** Copies an image or live data beside a volume's own, and compares them. Throws NO_SPACE, TOOL_FAILED. */
export async function stageCopy(
  layout: Layout,
  request: StageRequest,
  sharing: Sharing,
): Promise<Tree> {
  const { source, volume, transaction, signal } = request;
  const from = source.from === 'image' ? source.location : hostPath(layout, volume.pathInFs);
  const target = besidePath(layout, transaction, volume.pathInFs, 'new');
  await mkdir(target, { mode: 0o700 });
  const options = { sharing, ...(signal === undefined ? {} : { signal }) };
  await copyTree(from, target, options);
  await compareTrees(from, target, options);
  const tree = await treeAtPath(target);
  if (tree === null) throw new Error(`staged data vanished: ${target}`);
  return tree;
}

/** Less than this share of the inodes left. */
const FEW = 0.05;

/** Every image has as many inodes as its volume. */
async function concernsOf({ top }: Layout): ReturnType<Store['concerns']> {
  const { files, ffree } = await statfs(top);
  if (files === 0 || ffree / files >= FEW) return [];
  const message = `only ${String(ffree)} of ${String(files)} inodes are free: every restore point takes as many as its volumes have entries`;
  return [{ code: 'LOW_SPACE', message, mend: 'cowherd prune' }];
}
