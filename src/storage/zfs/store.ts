import { readMounts } from '../mounts.ts';
import type { TransactionRecord } from '../../model/transaction.ts';
import type { Capabilities } from '../capabilities.ts';
import type { Driver, InspectRequest, Store } from '../driver.ts';
import { exists } from '../../exec/durable.ts';
import * as records from '../files/records.ts';
import * as files from '../files/restore-points.ts';
import { measureTree } from '../tree/compare-tree.ts';
import { expectCopyable } from '../tree/copyable.ts';
import { lookThrough } from '../tree/look-through.ts';
import { destroyRetired, destroyStaged, keepRetired, settleRetired } from './aside.ts';
import { beginCapture } from './capture.ts';
import { foreignSnapshots } from './foreign-snapshots.ts';
import { attach, ensureHome, expectAnswering, findHome, type Home } from './home.ts';
import { withDirectory, withMounted } from './images.ts';
import { findLeftovers, removeLeftovers } from './leftovers.ts';
import { movedMounts } from './moved-mounts.ts';
import { inheritedBelow } from './inherited.ts';
import { poolOf, snapshotName } from './names.ts';
import * as points from './points.ts';
import { expectVersion, usablePool } from './pool.ts';
import { concernsOf, spaceOf } from './space.ts';
import { stageTree } from './stage.ts';
import * as swap from './swap.ts';
import { zpool } from './tool.ts';
import { withTransientImages } from './transient.ts';

const SYNC_TIMEOUT_MS = 60_000;

const CAPABILITIES: Capabilities = {
  atomicGroup: true,
  instantRollback: true,
  clone: true,
  nativeSend: true,
  resumableSend: true,
  holds: true,
  bookmarks: true,
  diff: true,
  sharedCopies: false,
  imagesAtHand: true,
};

export interface ZfsOptions {
  /** Holds private mounts. */
  readonly runtimeDir: string;
  /** The dataset under which adopted volumes of a pool become datasets. */
  readonly parentIn: (pool: string) => Promise<string>;
  readonly now: () => Date;
  readonly random: () => string;
}

/** The OpenZFS driver; a filesystem is a pool, by its guid. `open` throws TOOL_MISSING, IO_ERROR. */
export function zfsDriver(options: ZfsOptions): Driver {
  return {
    tier: 'zfs',
    capabilities: CAPABILITIES,
    open: async (fsId) => {
      const [pool] = await Promise.all([usablePool(fsId), expectVersion()]);
      const parent = await options.parentIn(pool.name);
      const home = await findHome(pool, parent, options.runtimeDir);
      return storeOf(home, () => snapshotName(options.now(), options.random()));
    },
  };
}

function storeOf(home: Home, nextName: () => string): Store {
  const fsId = home.pool.guid;
  return {
    fsId,
    capabilities: CAPABILITIES,
    datasets: async () =>
      (await readMounts())
        .filter(({ fstype, source }) => fstype === 'zfs' && poolOf(source) === home.pool.name)
        .map(({ mountPoint }) => ({ path: mountPoint, reachable: true })),
    foreignSnapshots,
    ...keeping(home),
    ...capturing(home, nextName),
    inspect: async (request: InspectRequest) => ({
      ...(await lookThrough(request)),
      receivedGuid: null,
    }),
    ...swapping(home),
    ...recording(home),
    sync: async (timeoutMs = SYNC_TIMEOUT_MS) => {
      await zpool(['sync', home.pool.name], { timeoutMs });
    },
    space: async () => spaceOf(home),
    concerns: async () => concernsOf(home),
    movedMounts: async (record) => movedMounts(fsId, record),
    leftovers: async () => findLeftovers(home),
    collectLeftovers: async () => removeLeftovers(home),
  };
}

type Keeping = Pick<Store, 'list' | 'damaged' | 'has' | 'setPinned' | 'destroy' | 'freed'>;

function keeping(home: Home): Keeping {
  return {
    list: async (isWanted) =>
      (await points.listRestorePoints(home, await attach(home), isWanted)).points,
    damaged: async (whole) => {
      const layout = await attach(home);
      const { incomplete } = await points.listRestorePoints(home, layout);
      return [...(await files.damagedRestorePoints(layout, whole)), ...incomplete];
    },
    has: async (id) => exists(`${(await attach(home)).snapshots}/${id}`),
    setPinned: async (id, pinned) => {
      await expectAnswering(home);
      await points.setPinned(home, await attach(home), { id, pinned });
    },
    destroy: async (id) => {
      await expectAnswering(home);
      await points.destroyRestorePoint(home, await attach(home), id);
      await settleRetired(home);
    },
    freed: async (ids) => points.freedBy(home, await attach(home), ids),
  };
}

/** Only what writes makes the store: looking leaves no trace. */
function capturing(
  home: Home,
  nextName: () => string,
): Pick<Store, 'capture' | 'withImages' | 'readImages'> {
  return {
    capture: async (sets) =>
      beginCapture({ home, layout: await ensureHome(home), sets, name: nextName() }),
    withImages: async (volumes, use) =>
      withTransientImages({ home, layout: await ensureHome(home), volumes, name: nextName() }, use),
    readImages: async (locations, use) =>
      withMounted(home.runtimeDir, { sources: locations, mode: 'ro' }, use),
  };
}

type Swapping = Pick<
  Store,
  | 'stage'
  | 'inherited'
  | 'expectCopyable'
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

function swapping(home: Home): Swapping {
  return {
    stage: async (request) => {
      await ensureHome(home);
      return stageTree(home, request);
    },
    inherited: async () => inheritedBelow(home.parent),
    expectCopyable: async ({ mountpoint }, signal) =>
      withDirectory(home.runtimeDir, mountpoint, async (root) => expectCopyable(root, signal)),
    measure: async ({ mountpoint }, signal) =>
      withDirectory(home.runtimeDir, mountpoint, async (path) => measureTree(path, signal)),
    treeAt: async (path) => swap.treeAtPath(path),
    inPlace: async (volume) => swap.inPlace(home, volume),
    prepareAside: async (record, volume) => swap.prepareAside(home, record, volume),
    retire: async (record, volume) => swap.retireTree(home, record, volume),
    install: async (record, volume) => swap.installTree(home, record, volume),
    revert: async (record, volume) => swap.revertTree(home, record, volume),
    destroyNew: async (record, volume) => destroyStaged(home, record, volume),
    destroyOld: async (record, volume) => destroyRetired(home, record, volume),
  };
}

function recording(
  home: Home,
): Pick<Store, 'records' | 'damagedRecords' | 'saveRecord' | 'dropRecord' | 'keepRetired'> {
  return {
    records: async () => records.listRecords(await attach(home)),
    damagedRecords: async () => records.damagedRecords(await attach(home)),
    saveRecord: async (record: TransactionRecord) =>
      records.saveRecord(await ensureHome(home), record),
    dropRecord: async (id) => records.dropRecord(await attach(home), id),
    keepRetired: async (record) => keepRetired(home, record),
  };
}
