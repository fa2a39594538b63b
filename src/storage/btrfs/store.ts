import { filePath } from '../../model/file-path.ts';
import type { Capabilities } from '../capabilities.ts';
import type { Driver, Store } from '../driver.ts';
import { beginCapture } from './capture.ts';
import { measureTree } from '../tree/compare-tree.ts';
import { expectCopyable } from '../tree/copyable.ts';
import { inspectVolume } from './inspect.ts';
import { createLayout, hostPath, layoutOf, type Layout } from '../files/layout.ts';
import { privateMount } from './private-mount.ts';
import { keeping } from '../files/keeping.ts';
import { expectOwnStore } from '../files/own.ts';
import { recording } from '../files/recording.ts';
import { swapping } from '../files/swap.ts';
import { foreignSnapshots } from './foreign-snapshots.ts';
import { deleteSubvolume } from './delete-subvolume.ts';
import { removeImages } from './images.ts';
import { concernsOf } from './shortages.ts';
import { stageTree } from './stage.ts';
import { listSubvolumes } from './list-subvolumes.ts';
import { withTransientImages } from './transient.ts';
import { treesOf } from './trees.ts';

/** There is no atomic snapshot of several subvolumes (btrfs-subvolume(8)): a freeze makes them one moment. */
const CAPABILITIES: Capabilities = {
  atomicGroup: false,
  instantRollback: true,
  clone: true,
  nativeSend: true,
  resumableSend: false,
  holds: false,
  bookmarks: false,
  diff: false,
  sharedCopies: true,
  imagesAtHand: true,
};

/** The btrfs driver; `runtimeDir` holds its private mounts. */
export function btrfsDriver(runtimeDir: string): Driver {
  return {
    tier: 'btrfs',
    capabilities: CAPABILITIES,
    open: async (fsId) => {
      const layout = layoutOf(await privateMount(fsId, runtimeDir));
      await expectOwnStore(layout);
      return storeOf(fsId, layout);
    },
  };
}

function storeOf(fsId: string, layout: Layout): Store {
  const trees = treesOf(layout);
  return {
    fsId,
    capabilities: CAPABILITIES,
    datasets: async () =>
      (await listSubvolumes(layout)).map(({ path, reachable }) => ({
        ...filePath(path),
        reachable,
      })),
    foreignSnapshots: async (volumes) => foreignSnapshots(layout, volumes),
    ...keeping({ fsId, trees, removal: { transient: deleteSubvolume, images: removeImages } }),
    ...capturing(layout),
    inspect: async (request) => inspectVolume(layout, request),
    ...staging(layout),
    ...swapping(trees),
    ...recording(layout),
    concerns: async () => concernsOf(layout),
  };
}

/** Only what writes makes the store's directories: looking leaves no trace. */
function capturing(layout: Layout): Pick<Store, 'capture' | 'withImages' | 'readImages'> {
  return {
    capture: async (sets) => {
      await createLayout(layout);
      return beginCapture(layout, sets);
    },
    withImages: async (volumes, use) => {
      await createLayout(layout);
      return withTransientImages(layout, volumes, use);
    },
    readImages: async (locations, use) => use(locations),
  };
}

function staging(
  layout: Layout,
): Pick<Store, 'stage' | 'inherited' | 'expectCopyable' | 'measure'> {
  return {
    stage: async (request) => stageTree(layout, request),
    inherited: async () => Promise.resolve([]),
    expectCopyable: async ({ pathInFs }, signal) =>
      expectCopyable(hostPath(layout, pathInFs), signal),
    measure: async ({ pathInFs }, signal) => measureTree(hostPath(layout, pathInFs), signal),
  };
}
