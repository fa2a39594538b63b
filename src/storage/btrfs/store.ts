import { statfs } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import type { Capabilities, Driver, Store } from '../driver.ts';
import { exists } from '../durable.ts';
import { beginCapture } from './capture.ts';
import { measureTree } from '../tree/compare-tree.ts';
import { inspectVolume } from './inspect.ts';
import { createLayout, hostPath, isInStore, layoutOf, type Layout } from '../files/layout.ts';
import { findLeftovers, removeLeftovers } from './leftovers.ts';
import { privateMount } from './private-mount.ts';
import * as records from '../files/records.ts';
import * as points from '../files/restore-points.ts';
import { foreignSnapshots } from './foreign-snapshots.ts';
import { located, removeImages } from './images.ts';
import { concernsOf } from './shortages.ts';
import { stageTree } from './stage.ts';
import { listSubvolumes } from './subvolume.ts';
import * as swap from './swap.ts';
import { withTransientImages } from './transient.ts';

const SYNC_TIMEOUT_MS = 60_000;

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
};

/** The btrfs driver; `runtimeDir` holds its private mounts. */
export function btrfsDriver(runtimeDir: string): Driver {
  return {
    tier: 'btrfs',
    capabilities: CAPABILITIES,
    open: async (fsId) => storeOf(fsId, layoutOf(await privateMount(fsId, runtimeDir))),
  };
}

function storeOf(fsId: string, layout: Layout): Store {
  return {
    fsId,
    capabilities: CAPABILITIES,
    // A volume may be the whole filesystem, and then lies around the store: images are not part of it.
    datasets: async () =>
      (await listSubvolumes(layout.top))
        .map(({ path }) => path)
        .filter((path) => !isInStore(layout, path)),
    foreignSnapshots: async (volumes) => foreignSnapshots(layout, volumes),
    list: async () => (await points.listRestorePoints(layout)).map(located),
    damaged: async () => points.damagedRestorePoints(layout),
    has: async (id) => exists(`${layout.snapshots}/${id}`),
    ...capturing(layout),
    inspect: async (request) => inspectVolume(layout, request),
    setPinned: async (id, pinned) => points.setPinned(layout, id, pinned),
    destroy: async (id) => destroyWithRetired({ fsId, layout }, id),
    ...swapping(layout),
    records: async () => records.listRecords(layout),
    saveRecord: async (record) => {
      await createLayout(layout);
      await records.saveRecord(layout, record);
    },
    dropRecord: async (id) => records.dropRecord(layout, id),
    keepRetired: async (record) => records.keepRecord(layout, record),
    sync: async (timeoutMs = SYNC_TIMEOUT_MS) => {
      await run('sync', ['-f', '--', layout.top], { timeoutMs });
    },
    space: async () => {
      const { bavail, blocks, bsize } = await statfs(layout.top);
      return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
    },
    concerns: async () => concernsOf(layout),
    // mountinfo follows a rename: the root of a mount made before it names the place the data was moved to.
    movedMounts: async ({ id }) =>
      Promise.resolve(({ root }) => root.includes('.cowherd') && root.includes(id)),
    leftovers: async () => findLeftovers(layout),
    collectLeftovers: async () => removeLeftovers(layout),
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

type Swapping = Pick<
  Store,
  | 'stage'
  | 'inherited'
  | 'measure'
  | 'treeAt'
  | 'inPlace'
  | 'prepareAside'
  | 'retire'
  | 'install'
  | 'revert'
  | 'destroyNew'
  | 'destroyOld'
>;

function swapping(layout: Layout): Swapping {
  return {
    stage: async (request) => stageTree(layout, request),
    inherited: async () => Promise.resolve([]),
    measure: async ({ pathInFs }) => measureTree(hostPath(layout, pathInFs)),
    treeAt: async (pathInFs) => swap.treeAtPath(hostPath(layout, pathInFs)),
    inPlace: async (volume) => swap.inPlace(layout, volume),
    prepareAside: async (record, volume) => swap.prepareAside(layout, record, volume),
    retire: async (record, volume) => swap.retireTree(layout, record, volume),
    install: async (record, volume) => swap.installTree(layout, record, volume),
    revert: async (record, volume) => swap.revertTree(layout, record, volume),
    destroyNew: async (record, volume) =>
      swap.destroyAside(layout, { record, volume, which: 'new' }),
    destroyOld: async (record, volume) =>
      swap.destroyAside(layout, { record, volume, which: 'old' }),
  };
}

interface Own {
  readonly fsId: string;
  readonly layout: Layout;
}

/** A safety snapshot takes with it the data that its rollback retired. */
async function destroyWithRetired({ fsId, layout }: Own, id: string): Promise<void> {
  for (const record of await records.listRetired(layout)) {
    if (record.safety !== id) continue;
    for (const volume of record.volumes.filter((one) => one.fsId === fsId))
      await swap.destroyAside(layout, { record, volume, which: 'old' });
    await records.dropRetired(layout, record.id);
  }
  await points.destroyRestorePoint(layout, id, removeImages);
}
