import { CowherdError } from '../../model/errors.ts';
import { shown } from '../archive/damaged.ts';
import { isCopyOf, isRestored } from '../archive/index-entry.ts';
import { listing } from '../archive/listing.ts';
import { merged } from '../archive/merged.ts';
import { specialFiles, type Specials } from '../archive/special-files.ts';
import { stagedTree } from './pass.ts';
import { forgetListing, readListing } from './staged-listing.ts';

/**
 * Compares the copy with what was listed of the volume at the last pass: names, types, modes, owners, sizes, times and targets. What could not
 * be read is found here, and everything is copied anew by the next pass. Throws TOOL_FAILED naming one; gives what there was of special files.
 */
export async function compareStaged(
  place: string,
  options: { readonly runtimeDir: string; readonly signal?: AbortSignal | undefined },
): Promise<Specials> {
  const specials = specialFiles();
  const { entries } = await readListing(place);
  const found = listing(stagedTree(place), { ...options, scratch: place });
  for await (const { left, right } of merged(found, entries)) {
    if (right !== null && !isRestored(right)) {
      specials.add(right);
      if (left === null) continue;
    }
    if (left !== null && right !== null && isCopyOf(left, right)) continue;
    await forgetListing(place);
    const name = shown((right ?? left)?.path ?? Buffer.alloc(0));
    throw new CowherdError('TOOL_FAILED', `${name} could not be copied as it is`, {
      hint: 'if something writes to this directory from outside Docker, stop it first; look at the disk (dmesg); then run it again',
    });
  }
  return specials.found();
}
