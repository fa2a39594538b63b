import { firstDifference } from '../tree/compare-tree.ts';
import { attributes, isRestoredAttribute } from './attributes.ts';
import { damaged, shown } from './damaged.ts';
import { isCopyOf, isRestored, type IndexEntry } from './index-entry.ts';
import { listing, type ListingOptions } from './listing.ts';
import { merged } from './merged.ts';
import { indexAttributes, indexEntries, type Archive } from './read-index.ts';

/**
 * Compares a restored tree with the index of the newest archive of its chain: names, types, modes, owners, sizes, times, where links point, which
 * names are of one file, ACLs and `user.…` attributes. Throws ARCHIVE_DAMAGED naming a difference.
 */
export async function compareRestored(
  archive: Archive,
  target: string,
  options: ListingOptions,
): Promise<void> {
  const { path } = archive;
  const groups = sameGroups();
  const pairs = merged(listing(target, options), indexEntries(archive, options));
  for await (const { left, right } of pairs) {
    if (left === null && (right === null || !isRestored(right))) continue;
    const named = left ?? right;
    if (left === null || right === null || !isCopyOf(left, right) || !groups(left, right))
      throw damaged(path, `${shown(named?.path ?? HERE)} was not restored as its index has it`);
  }
  const difference = await firstDifference(
    () => restoredOnly(indexAttributes(archive, options)),
    () => restoredOnly(attributes(target, options.signal)),
  );
  if (difference !== null)
    throw damaged(
      path,
      `attributes were not restored as its index has them: ${shown(Buffer.from(difference))}`,
    );
}

const HERE = Buffer.alloc(0);

/** Two names are of one file on one side when they are on the other. */
function sameGroups(): (left: IndexEntry, right: IndexEntry) => boolean {
  const [there, back] = [new Map<string, string>(), new Map<string, string>()];
  return (left, right) => {
    if (left.type === 'd' || (left.links === 1 && right.links === 1)) return true;
    const [known, knownBack] = [there.get(left.inode), back.get(right.inode)];
    there.set(left.inode, right.inode);
    back.set(right.inode, left.inode);
    return (known ?? right.inode) === right.inode && (knownBack ?? left.inode) === left.inode;
  };
}

async function* restoredOnly(all: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  for await (const record of all) if (isRestoredAttribute(record)) yield record;
}
