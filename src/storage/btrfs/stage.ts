import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encodeName } from '../../model/names.ts';
import type { Tree } from '../../model/transaction.ts';
import type { StageRequest } from '../driver.ts';
import { compareTrees } from '../tree/compare-tree.ts';
import { copyTree } from '../tree/copy-tree.ts';
import { besidePath, hostPath, type Layout } from '../files/layout.ts';
import { cloneImage } from './clone-image.ts';
import { createSubvolume } from './subvolume.ts';
import { treeAtPath } from './trees.ts';

/** Prepares the new data of a volume where `installTree` takes it from. Throws NO_SPACE, TOOL_FAILED. */
export async function stageTree(layout: Layout, request: StageRequest): Promise<Tree> {
  const { transaction, volume, kind } = request;
  const target =
    kind === 'directory'
      ? besidePath(layout, transaction, volume.pathInFs, 'new')
      : `${layout.staged}/${transaction}/${encodeName(volume.volume)}`;
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await fill(layout, request, target);
  const tree = await treeAtPath(target);
  if (tree === null) throw new Error(`staged data vanished: ${target}`);
  return tree;
}

async function fill(layout: Layout, request: StageRequest, target: string): Promise<void> {
  const { source, kind, volume, signal } = request;
  if (source.from === 'image' && kind === 'dataset') {
    await cloneImage({ ...request, source }, target);
    return;
  }
  const from = source.from === 'image' ? source.location : hostPath(layout, volume.pathInFs);
  if (kind === 'dataset') await createSubvolume(target);
  else await mkdir(target, { mode: 0o700 });
  const options = { sharing: 'shared', ...(signal === undefined ? {} : { signal }) } as const;
  await copyTree(from, target, options);
  await compareTrees(from, target, options);
}
