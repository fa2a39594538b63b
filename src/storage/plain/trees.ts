import { lstat, rm } from 'node:fs/promises';
import { systemCode } from '../../model/errors.ts';
import type { Tree } from '../../model/transaction.ts';
import { removeImages as removeEach } from '../files/images.ts';
import type { Layout } from '../files/layout.ts';
import type { Trees } from '../files/swap.ts';
import { removeTree } from '../tree/remove-tree.ts';

/** Plain directories, by inode number. */
export function treesOf(layout: Layout): Trees {
  return { layout, treeAt: treeAtPath, remove: removeTree };
}

/** The directory at a path; null when nothing is there. */
export async function treeAtPath(path: string): Promise<Tree | null> {
  try {
    const stat = await lstat(path);
    return { kind: 'directory', guid: stat.isDirectory() ? String(stat.ino) : 'not-a-directory' };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Removes a directory of ours with the images and files directly in it. Gone already is success. */
export async function removeImages(directory: string): Promise<void> {
  await removeEach(directory, async (path) =>
    (await treeAtPath(path))?.guid === 'not-a-directory'
      ? rm(path, { force: true })
      : removeTree(path),
  );
}
