import { mkdir } from 'node:fs/promises';
import { removeTree } from '../tree/remove-tree.ts';
import type { Layout } from './layout.ts';
import { transientPath } from './leftovers.ts';

/** Directories of a capture for what it does not keep. */
export interface Scratches {
  /** Makes an empty one that only root reaches. */
  readonly make: () => Promise<string>;
  /** Removes all of them, with what is in them. */
  readonly remove: () => Promise<void>;
}

export function scratchesOn(layout: Layout): Scratches {
  const made: string[] = [];
  return {
    make: async () => {
      const path = transientPath(layout);
      await mkdir(path, { mode: 0o700 });
      made.push(path);
      return path;
    },
    remove: async () => {
      for (const path of made.splice(0)) await removeTree(path);
    },
  };
}
