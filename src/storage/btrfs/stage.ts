import { lstat, mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run } from '../../exec/run.ts';
import { encodeName } from '../../model/names.ts';
import type { Tree } from '../../model/transaction.ts';
import type { StageRequest } from '../driver.ts';
import { compareTrees } from '../tree/compare-tree.ts';
import { copyTree } from '../tree/copy-tree.ts';
import { besidePath, hostPath, type Layout } from '../files/layout.ts';
import { createSubvolume, snapshotSubvolume } from './subvolume.ts';
import { treeAtPath } from './swap.ts';

const NS_PER_S = 1_000_000_000n;

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
  const { source, kind, volume } = request;
  if (source.from === 'image' && kind === 'dataset') {
    await cloneImage(source, target);
    return;
  }
  const from = source.from === 'image' ? source.location : hostPath(layout, volume.pathInFs);
  if (kind === 'dataset') await createSubvolume(target);
  else await mkdir(target, { mode: 0o700 });
  await copyTree(from, target, 'shared');
  await compareTrees(from, target, 'shared');
}

type ImageSource = Extract<StageRequest['source'], { from: 'image' }>;

/** A writable snapshot of an image, its nested images in their places, outer ones first. */
async function cloneImage(source: ImageSource, target: string): Promise<void> {
  await snapshotSubvolume(source.location, target, { readonly: false });
  const outerFirst = [...source.nested].sort((a, b) => a.path.length - b.path.length);
  for (const { path, location } of outerFirst) {
    const place = `${target}/${path}`;
    const { mtimeNs } = await lstat(dirname(place), { bigint: true });
    await rmdir(place);
    await snapshotSubvolume(location, place, { readonly: false });
    await setModified(dirname(place), mtimeNs);
  }
}

/** With all nine digits, which a `Date` and utimes(2) by way of a double would lose. */
async function setModified(path: string, mtimeNs: bigint): Promise<void> {
  const seconds = mtimeNs / NS_PER_S;
  const fraction = String(mtimeNs % NS_PER_S).padStart(9, '0');
  await run('touch', ['-c', '-h', '-m', '-d', `@${String(seconds)}.${fraction}`, '--', path]);
}
