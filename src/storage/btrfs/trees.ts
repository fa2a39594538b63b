import { lstat } from 'node:fs/promises';
import { systemCode } from '../../model/errors.ts';
import type { Tree } from '../../model/transaction.ts';
import type { Layout } from '../files/layout.ts';
import type { Trees } from '../files/swap.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { deleteSubvolume } from './delete-subvolume.ts';
import { isSubvolume, showSubvolume } from './subvolume.ts';

/** Subvolumes and plain directories. */
export function treesOf(layout: Layout): Trees {
  return {
    layout,
    treeAt: treeAtPath,
    remove: async (path, kind) => (kind === 'dataset' ? deleteSubvolume(path) : removeTree(path)),
  };
}

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
