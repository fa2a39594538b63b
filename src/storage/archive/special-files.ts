import { filePath } from '../../model/file-path.ts';
import type { IndexEntry } from './index-entry.ts';
import type { ArchiveSummary, SpecialFile, SpecialType } from './summary.ts';

/** How many are named; all are counted, and the index names all. */
const MOST = 1_000;
const TYPES: Readonly<Record<string, SpecialType>> = {
  p: 'fifo',
  s: 'socket',
  b: 'block',
  c: 'character',
  m: 'mount',
};

/** What there is in a tree that no archive holds. */
export type Specials = Pick<ArchiveSummary, 'specials' | 'special'>;

/** Counts special files, and names the first of them. */
export function specialFiles(): {
  readonly add: (entry: IndexEntry) => void;
  readonly found: () => Specials;
} {
  const special: SpecialFile[] = [];
  let specials = 0;
  return {
    add: ({ path, type }) => {
      specials += 1;
      if (special.length < MOST)
        special.push({ ...filePath(path), type: TYPES[type] ?? 'unknown' });
    },
    found: () => ({ specials, special }),
  };
}
