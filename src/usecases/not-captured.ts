import { pathBytes, filePath } from '../model/file-path.ts';
import type { RecordedVolume } from '../model/manifest.ts';
import type { Skipped } from '../model/snapshot.ts';
import type { ImageScan } from '../quiesce/databases.ts';
import type { Image, Placement } from '../storage/driver.ts';
import { LONGEST_NESTED, namesOf } from './nesting.ts';
import { skip, type Candidate } from './snapshot-plan.ts';

export interface Seen {
  readonly volume: RecordedVolume;
  readonly image: Image | undefined;
  /** Undefined where the image was not looked into. */
  readonly scan: ImageScan | undefined;
}

/**
 * Nested datasets that are in none of an agent's images although they should be: what was to be captured and is not, and what
 * an image only has a placeholder of, since it was made after the listing. One entry a volume.
 */
export function lostParts(
  { agent, volumes }: Candidate,
  seen: readonly Seen[],
): readonly Skipped[] {
  return seen.flatMap(({ volume, image, scan }) => {
    const placement = volumes.find((one) => one.volume === volume.name);
    const unseen = (scan?.placeholders ?? []).filter((path) => !isKnown(path, volume, placement));
    const lost = [...(image?.lost ?? []), ...unseen.map(filePath)];
    const unread = image?.unread ?? [];
    const said = [
      ...(lost.length > 0 ? [`nested subvolumes: ${namesOf(lost)}`] : []),
      ...(image?.whole === false ? ['paths of more than 3,500 bytes'] : []),
      ...(unread.length > 0 ? [`what could not be read as it is: ${namesOf(unread)}`] : []),
    ];
    if (said.length === 0) return [];
    const message = `${volume.name} holds what this snapshot does not contain: ${said.join('; ')}`;
    return [skip(agent, { volume: volume.name, message, partial: true })];
  });
}

function isKnown(path: Buffer, volume: RecordedVolume, placement: Placement | undefined): boolean {
  // Elsewhere any directory may have the inode number of a placeholder.
  if (volume.tier !== 'btrfs') return true;
  if (volume.dataset === '/' && isOfStore(path)) return true;
  // Of one that no path leads to the listing tells only about where it is.
  const isTooLong = path.length > LONGEST_NESTED;
  if (isTooLong && placement?.nested.some(({ reason }) => reason !== null) === true) return true;
  const listed = [...volume.nested, ...(placement?.nested ?? [])];
  return listed.some((nested) => pathBytes(nested).equals(path));
}

/** A volume that is a whole filesystem has the store with its images in it. */
function isOfStore(path: Buffer): boolean {
  return path.toString().startsWith('.cowherd/');
}
