import { rename } from 'node:fs/promises';
import { CowherdError } from '../../model/errors.ts';
import type { SwapVolume, Tree } from '../../model/transaction.ts';
import { exists } from '../../exec/durable.ts';

/** Renames, and never over something. Throws IO_ERROR (EXDEV too: never a copy). */
export async function moveTree(from: string, to: string): Promise<void> {
  if (await exists(to)) throw new CowherdError('IO_ERROR', `${to} exists already`);
  await rename(from, to);
}

/** Whether a tree is the very one that a record names. */
export function sameTree(a: Tree, b: Tree): boolean {
  return a.kind === b.kind && a.guid === b.guid;
}

/** The error for a place where neither tree of a transaction lies. */
export function foreignTree(volume: SwapVolume): CowherdError {
  return new CowherdError(
    'IO_ERROR',
    `the data of ${volume.name} is neither the old nor the new of this transaction`,
    {
      hint: `somebody replaced ${volume.pathInFs}; look at it and at the retired data before doing anything else`,
    },
  );
}

/** The error for old data that is not where it was set aside. */
export function lostTree(volume: SwapVolume, path: string): CowherdError {
  return new CowherdError('IO_ERROR', `the old data of ${volume.name} is not at ${path}`, {
    hint: 'nothing was changed; its restore points are listed by: cowherd snapshots',
  });
}
