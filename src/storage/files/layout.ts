import { mkdir, readdir } from 'node:fs/promises';
import { dirname, posix } from 'node:path';
import { systemCode } from '../../model/errors.ts';
import { encodeName } from '../../model/names.ts';
import type { SwapVolume, TransactionRecord } from '../../model/transaction.ts';

/** Paths of the store on one filesystem. */
export interface Layout {
  /** What paths from the filesystem's root are below, on the host. */
  readonly top: string;
  /** A directory that only root can enter. */
  readonly store: string;
  readonly snapshots: string;
  /** Of captures that are archives. */
  readonly archives: string;
  /** Transient images of runs that still go on. */
  readonly transient: string;
  /** New data of transactions, before it is installed. */
  readonly staged: string;
  /** Old data of transactions, and the records of committed rollbacks. */
  readonly retired: string;
  readonly transactions: string;
}

const STORE = '.cowherd';
/** Names beside a volume's data that belong to a transaction. */
export const BESIDE_PREFIX = '.cowherd-';

/** The store's paths; where it has no mount of its own it is `.cowherd` at the top. */
export function layoutOf(top: string, store = `${top}/${STORE}`): Layout {
  return {
    top,
    store,
    snapshots: `${store}/snapshots`,
    archives: `${store}/archives`,
    transient: `${store}/transient`,
    staged: `${store}/staged`,
    retired: `${store}/retired`,
    transactions: `${store}/transactions`,
  };
}

/** True for a path from the filesystem's root that lies in the store. */
export function isInStore({ top, store }: Layout, pathInFs: string): boolean {
  return `${top}${pathInFs}`.startsWith(`${store}/`);
}

/** Makes the store's directories. */
export async function createLayout(layout: Layout): Promise<void> {
  await mkdir(layout.store, { recursive: true, mode: 0o700 });
  const { snapshots, transient, staged, retired, transactions } = layout;
  for (const path of [snapshots, transient, staged, retired, transactions])
    await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Names in a directory; none when it does not exist. */
export async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Host path of a place in the filesystem, through the private mount. */
export function hostPath(layout: Layout, pathInFs: string): string {
  return posix.join(layout.top, pathInFs);
}

type Which = 'old' | 'new';
type Identified = Pick<TransactionRecord, 'id'>;

/**
 * Where a transaction keeps a tree that is not in place. A subvolume goes to the store; a plain directory stays beside
 * its place, since it cannot be renamed into another subvolume (EXDEV).
 */
export function asidePath(
  layout: Layout,
  record: Identified,
  volume: SwapVolume,
  which: Which,
): string {
  const name = encodeName(volume.name);
  if (volume[which].kind === 'directory')
    return besidePath(layout, record.id, volume.pathInFs, which);
  return `${which === 'old' ? layout.retired : layout.staged}/${record.id}/${name}`;
}

/** The plain-directory case of `asidePath`. */
export function besidePath(
  layout: Layout,
  transaction: string,
  pathInFs: string,
  which: Which,
): string {
  const place = hostPath(layout, pathInFs);
  return `${dirname(place)}/${BESIDE_PREFIX}${which}-${transaction}-${encodeName(posix.basename(place))}`;
}
