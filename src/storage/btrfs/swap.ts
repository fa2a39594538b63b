import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../../model/errors.ts';
import type { InPlace, SwapVolume, TransactionRecord, Tree } from '../../model/transaction.ts';
import { foreignTree, lostTree, moveTree, sameTree } from '../tree/move-tree.ts';
import { asidePath, hostPath, type Layout } from '../files/layout.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { deleteSubvolume, isSubvolume, showSubvolume } from './subvolume.ts';

type Record = Pick<TransactionRecord, 'id'>;

/** The tree at a path: a subvolume by UUID, a directory by inode number; null when nothing is there. */
export async function treeAtPath(path: string): Promise<Tree | null> {
  try {
    const stat = await lstat(path);
    if (!stat.isDirectory()) return { kind: 'directory', guid: 'not-a-directory' };
    if (await isSubvolume(path)) return { kind: 'dataset', guid: (await showSubvolume(path)).uuid };
    return { kind: 'directory', guid: String(stat.ino) };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Which tree of a transaction lies at the volume's place. */
export async function inPlace(layout: Layout, volume: SwapVolume): Promise<InPlace> {
  const tree = await treeAtPath(hostPath(layout, volume.pathInFs));
  if (tree === null) return 'none';
  if (sameTree(tree, volume.old)) return 'old';
  return sameTree(tree, volume.new) ? 'new' : 'foreign';
}

/** Moves the old tree away. Throws IO_ERROR (EXDEV too: never a copy). */
export async function retireTree(
  layout: Layout,
  record: Record,
  volume: SwapVolume,
): Promise<void> {
  await moveTree(hostPath(layout, volume.pathInFs), asidePath(layout, record, volume, 'old'));
}

/** Moves the new tree to its place. */
export async function installTree(
  layout: Layout,
  record: Record,
  volume: SwapVolume,
): Promise<void> {
  await moveTree(asidePath(layout, record, volume, 'new'), hostPath(layout, volume.pathInFs));
}

/** Makes the directories that `retireTree` and a revert move to, before anything is stopped. */
export async function prepareAside(
  layout: Layout,
  record: Record,
  volume: SwapVolume,
): Promise<void> {
  for (const which of ['old', 'new'] as const) {
    await mkdir(dirname(asidePath(layout, record, volume, which)), {
      recursive: true,
      mode: 0o700,
    });
  }
}

/** Brings the old tree back to its place, whatever of the swap was done. Throws IO_ERROR when neither tree can be found. */
export async function revertTree(
  layout: Layout,
  record: Record,
  volume: SwapVolume,
): Promise<void> {
  const found = await inPlace(layout, volume);
  if (found === 'old') return;
  if (found === 'foreign') throw foreignTree(volume);
  const aside = await treeAtPath(asidePath(layout, record, volume, 'old'));
  if (aside === null || !sameTree(aside, volume.old))
    throw lostTree(volume, asidePath(layout, record, volume, 'old'));
  await prepareAside(layout, record, volume);
  const place = hostPath(layout, volume.pathInFs);
  if (found === 'new') await moveTree(place, asidePath(layout, record, volume, 'new'));
  await moveTree(asidePath(layout, record, volume, 'old'), place);
}

/** Destroys a tree that lies aside; one that is in place is never touched. */
export async function destroyAside(
  layout: Layout,
  request: { record: Record; volume: SwapVolume; which: 'old' | 'new' },
): Promise<void> {
  const { record, volume, which } = request;
  const path = asidePath(layout, record, volume, which);
  const tree = await treeAtPath(path);
  if (tree === null) return;
  if (tree.kind === 'dataset') await deleteSubvolume(path);
  else await removeTree(path);
}
