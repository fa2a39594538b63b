import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CowherdError } from '../../model/errors.ts';
import type { InPlace, SwapVolume, TransactionRecord, Tree } from '../../model/transaction.ts';
import type { Store } from '../driver.ts';
import { foreignTree, lostTree, moveTree, sameTree } from '../tree/move-tree.ts';
import { asidePath, hostPath, type Layout } from './layout.ts';

type Record = Pick<TransactionRecord, 'id'>;

/** Where trees lie as files of one filesystem do, and what is a tree there. */
export interface Trees {
  readonly layout: Layout;
  /** The tree at a host path; null when nothing is there. */
  readonly treeAt: (path: string) => Promise<Tree | null>;
  readonly remove: (path: string, kind: Tree['kind']) => Promise<void>;
}

type Swapping = Pick<
  Store,
  | 'treeAt'
  | 'inPlace'
  | 'prepareAside'
  | 'retire'
  | 'install'
  | 'revert'
  | 'destroyNew'
  | 'destroyOld'
>;

/** A swap by renames in one mount. */
export function swapping(trees: Trees): Swapping {
  const { layout } = trees;
  return {
    treeAt: async (pathInFs) => trees.treeAt(hostPath(layout, pathInFs)),
    inPlace: async (volume) => inPlace(trees, volume),
    prepareAside: async (record, volume) => prepareAside(layout, record, volume),
    retire: async (record, volume) => retireTree(trees, record, volume),
    install: async (record, volume) => installTree(trees, record, volume),
    revert: async (record, volume) => revertTree(trees, record, volume),
    destroyNew: async (record, volume) => destroyAside(trees, { record, volume, which: 'new' }),
    destroyOld: async (record, volume) => destroyAside(trees, { record, volume, which: 'old' }),
  };
}

/** Which tree of a transaction lies at the volume's place. */
async function inPlace({ layout, treeAt }: Trees, volume: SwapVolume): Promise<InPlace> {
  const tree = await treeAt(hostPath(layout, volume.pathInFs));
  if (tree === null) return 'none';
  if (sameTree(tree, volume.old)) return 'old';
  return sameTree(tree, volume.new) ? 'new' : 'foreign';
}

/** Moves the old tree away, and back when it turns out to be another. Throws IO_ERROR (EXDEV too: never a copy). */
async function retireTree(
  { layout, treeAt }: Trees,
  record: Record,
  volume: SwapVolume,
): Promise<void> {
  const place = hostPath(layout, volume.pathInFs);
  const aside = asidePath(layout, record, volume, 'old');
  await moveTree(place, aside);
  const moved = await treeAt(aside);
  if (moved !== null && sameTree(moved, volume.old)) return;
  if (moved !== null) await moveTree(aside, place);
  throw foreignTree(volume);
}

/** Moves the new tree to its place. Throws IO_ERROR when it is not the one that was staged. */
async function installTree(
  { layout, treeAt }: Trees,
  record: Record,
  volume: SwapVolume,
): Promise<void> {
  const aside = asidePath(layout, record, volume, 'new');
  const staged = await treeAt(aside);
  if (staged === null || !sameTree(staged, volume.new)) throw foreignStaged(volume, aside);
  await moveTree(aside, hostPath(layout, volume.pathInFs));
}

/** Whoever may write to the directory a volume lies in may have put something else where its new data was staged. */
function foreignStaged({ name }: SwapVolume, path: string): CowherdError {
  return new CowherdError('IO_ERROR', `the new data of ${name} is not at ${path} any more`, {
    hint: 'somebody moved or replaced it; the old data goes back to its place; run it again',
  });
}

/** Makes the directories that `retireTree` and a revert move to, before anything is stopped. */
async function prepareAside(layout: Layout, record: Record, volume: SwapVolume): Promise<void> {
  for (const which of ['old', 'new'] as const) {
    await mkdir(dirname(asidePath(layout, record, volume, which)), {
      recursive: true,
      mode: 0o700,
    });
  }
}

/** Brings the old tree back to its place, whatever of the swap was done. Throws IO_ERROR when neither tree can be found. */
async function revertTree(trees: Trees, record: Record, volume: SwapVolume): Promise<void> {
  const { layout, treeAt } = trees;
  const found = await inPlace(trees, volume);
  if (found === 'old') return;
  if (found === 'foreign') throw foreignTree(volume);
  const aside = await treeAt(asidePath(layout, record, volume, 'old'));
  if (aside === null || !sameTree(aside, volume.old))
    throw lostTree(volume, asidePath(layout, record, volume, 'old'));
  await prepareAside(layout, record, volume);
  const place = hostPath(layout, volume.pathInFs);
  if (found === 'new') await moveTree(place, asidePath(layout, record, volume, 'new'));
  await moveTree(asidePath(layout, record, volume, 'old'), place);
}

/** Destroys a tree that lies aside; one that is in place is never touched. */
export async function destroyAside(
  { layout, treeAt, remove }: Trees,
  request: { record: Record; volume: SwapVolume; which: 'old' | 'new' },
): Promise<void> {
  const { record, volume, which } = request;
  const path = asidePath(layout, record, volume, which);
  const tree = await treeAt(path);
  if (tree !== null) await remove(path, tree.kind);
}
