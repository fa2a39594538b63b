import { chmod, mkdir } from 'node:fs/promises';
import { lockFile } from '../../exec/flock.ts';
import { makeInRuntime } from '../../exec/room.ts';
import { CowherdError, toCowherdError } from '../../model/errors.ts';
import { mountOf, type Mount } from '../../model/mountinfo.ts';
import { createLayout, layoutOf, type Layout } from '../files/layout.ts';
import { datasetsNamed, mountedAt, mountPrivately } from './datasets.ts';
import { poolOf } from './names.ts';
import { rowsOf, type Pool } from './parse.ts';
import { usablePool } from './pool.ts';
import { zfs, zpool } from './tool.ts';

/** Marks the dataset that holds manifests and records; found by it wherever it was renamed to. */
const MARK = 'cowherd:store';
const STORE = '.cowherd';
/**
 * What others cannot fill up: records can be written and restore points pruned in a full pool. ZFS wants 24 times what a write
 * brings while it is in flight (spa_get_worst_case_asize): with 16 MB two small files were refused.
 */
const RESERVED = 'refreservation=64M';
const LOCK_WAIT_MS = 30_000;

/** Where Cowherd lives in one pool. */
export interface Home {
  readonly pool: Pool;
  /** Dataset under which adopted volumes become datasets. */
  readonly parent: string;
  /** Dataset of manifests and records. */
  readonly store: string;
  readonly layout: Layout;
  readonly runtimeDir: string;
}

export interface ParentSources {
  /** `zfs.parent` of the config. */
  readonly configured: string | null;
  readonly dataRoot: string | null;
  readonly mounts: readonly Mount[];
}

/** The parent of adopted volumes in a pool: the configured one, else `cowherd` below the dataset of Docker's data root, else below the pool's root. */
export function parentIn(pool: string, { configured, dataRoot, mounts }: ParentSources): string {
  if (configured !== null && poolOf(configured) === pool) return configured;
  const mount = dataRoot === null ? null : mountOf(dataRoot, mounts);
  const around = mount?.fstype === 'zfs' && poolOf(mount.source) === pool ? mount.source : pool;
  return `${around}/cowherd`;
}

/** Finds the store of a pool, or where it will be. Changes nothing. */
export async function findHome(pool: Pool, parent: string, runtimeDir: string): Promise<Home> {
  const usual = `${parent}/${STORE}`;
  const store = (await existing(usual)) ? usual : ((await markedIn(pool.name)) ?? usual);
  const layout = layoutOf('/', `${runtimeDir}/fs/${pool.guid}`);
  return { pool, parent, store, layout, runtimeDir };
}

async function existing(dataset: string): Promise<boolean> {
  return (await datasetsNamed([dataset])).length > 0;
}

/** A store elsewhere in the pool: the parent was configured otherwise, or Docker's data root was another. */
async function markedIn(pool: string): Promise<string | null> {
  const argv = ['get', '-H', '-r', '-t', 'filesystem', '-s', 'local', '-o', 'name', MARK, pool];
  return rowsOf(await zfs(argv))[0]?.[0] ?? null;
}

/** The layout with the store mounted, where there is one: what reads is never told that an unmounted store is empty. Throws IO_ERROR. */
export async function attach(home: Home): Promise<Layout> {
  const { layout, store } = home;
  if (await isAttached(home)) return layout;
  const [found] = await datasetsNamed([store]);
  if (found === undefined) {
    await usablePool(home.pool.guid);
    return layout;
  }
  if (!found.readable)
    throw new CowherdError('IO_ERROR', `the encryption key of ${store} is not loaded`, {
      hint: `zfs load-key -r ${poolOf(store)}, then run it again`,
    });
  await locked(home, async () => {
    if (await isAttached(home)) return;
    await mkdir(layout.store, { recursive: true, mode: 0o700 });
    await mountPrivately(store, layout.store);
  });
  return layout;
}

async function isAttached({ layout, store }: Home): Promise<boolean> {
  const mount = await mountedAt(layout.store);
  if (mount === null) return false;
  if (mount.source === store) return true;
  throw new CowherdError('IO_ERROR', `${layout.store} is mounted, but not with ${store}`, {
    hint: `umount ${layout.store}, then run it again`,
  });
}

const answering = new WeakMap<Home, Promise<string>>();

/**
 * Asks a pool, once for each store that is opened, to write something. A write of our own would wait for as long as its disks do not answer
 * (zpoolprops(7), failmode=wait), and we with it; `zpool sync` can be left behind. Throws IO_ERROR when they do not.
 */
export async function expectAnswering(home: Home): Promise<void> {
  const asked = answering.get(home) ?? zpool(['sync', home.pool.name]);
  answering.set(home, asked);
  await asked;
}

/** `attach` for what writes: makes parent and store where they are missing. */
export async function ensureHome(home: Home): Promise<Layout> {
  await expectAnswering(home);
  if (!(await isAttached(home))) {
    await locked(home, async () => createDatasets(home));
    await attach(home);
    await chmod(home.layout.store, 0o700);
  }
  await createLayout(home.layout);
  return home.layout;
}

async function createDatasets({ parent, store }: Home): Promise<void> {
  if (await existing(store)) return;
  await ensureParent(parent);
  const options = ['canmount=noauto', 'mountpoint=legacy', `${MARK}=1`];
  const create = async (all: readonly string[]) =>
    zfs(['create', ...all.flatMap((option) => ['-o', option]), '--', store]);
  await create([...options, RESERVED]).catch(async (error: unknown) => {
    if (toCowherdError(error).code !== 'NO_SPACE') throw error;
    await create(options);
  });
}

/** Makes the dataset below which volumes become datasets; the store may have been made below another. */
export async function ensureParent(parent: string): Promise<void> {
  if (!(await existing(parent)))
    await zfs(['create', '-p', '-o', 'canmount=off', '-o', 'mountpoint=none', '--', parent]);
}

async function locked(home: Home, work: () => Promise<void>): Promise<void> {
  await makeInRuntime(home.runtimeDir, `${home.runtimeDir}/fs`);
  const lock = await lockFile(`${home.runtimeDir}/mount-${home.pool.guid}.lock`, LOCK_WAIT_MS);
  if (lock === null)
    throw new CowherdError('IO_ERROR', `another run has been mounting ${home.store} for 30 s`);
  try {
    await work();
  } finally {
    lock.release();
  }
}
