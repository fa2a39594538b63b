import { lstat } from 'node:fs/promises';
import { toCowherdError } from '../../model/errors.ts';
import { pathBytes, type FilePath } from '../../model/file-path.ts';
import type { NestedImage } from '../../model/manifest.ts';
import { encodeName } from '../../model/names.ts';
import type { CaptureSet, NestedDataset, Placement } from '../driver.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import { partialDirectory } from '../files/restore-points.ts';
import type { ArmedSnapshots, Step } from './armed-snapshots.ts';
import { isSubvolume } from './subvolume.ts';

/** Inode number of the empty directory that stands for a nested subvolume in a snapshot (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID). */
const PLACEHOLDER_INODE = 2;
const SLASH = Buffer.from('/');

/** The snapshots of what is nested in the isolated volumes of a set. */
export function nestedSteps(layout: Layout, { key, volumes }: CaptureSet): readonly Step[] {
  return volumes.flatMap((volume) =>
    nestedImages(volume).map((nested) => ({
      source: joined(hostPath(layout, volume.pathInFs), nested),
      target: `${partialDirectory(layout, key)}/${nested.image}`,
    })),
  );
}

function nestedImages(volume: Placement): readonly NestedImage[] {
  if (!volume.isolated) return [];
  const captured = volume.nested.filter(({ reason }) => reason === null);
  return captured.map((nested, index) => ({
    ...withoutReason(nested),
    image: `${encodeName(volume.volume)}.nested-${String(index)}`,
  }));
}

function withoutReason({ path, pathBase64 }: NestedDataset): FilePath {
  return pathBase64 === undefined ? { path } : { path, pathBase64 };
}

/** Takes them. What the volume's owner did meanwhile to one of them costs that one: `finishNested` tells which. */
export async function takeNested(
  armed: ArmedSnapshots,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await armed.take(steps, signal);
  } catch (error) {
    if (signal.aborted || toCowherdError(error).code !== 'TOOL_FAILED') throw error;
  }
}

interface Finished {
  readonly nested: readonly NestedImage[];
  readonly lost: readonly FilePath[];
}

/** Which of a volume's nested images were taken and have their place in the image around them; `directory` holds them all. */
export async function finishNested(
  volume: Placement,
  { directory, image }: { readonly directory: string; readonly image: string },
): Promise<Finished> {
  const nested: NestedImage[] = [];
  const lost: FilePath[] = [];
  for (const one of nestedImages(volume)) {
    const around = nested.findLast((outer) => isInside(one, outer));
    const root = `${directory}/${around?.image ?? image}`;
    const below = pathBytes(one).subarray(around === undefined ? 0 : pathBytes(around).length + 1);
    const isThere =
      (await isSubvolume(`${directory}/${one.image}`)) && (await isPlace(root, below));
    if (isThere) nested.push(one);
    else lost.push(withoutReason({ ...one, reason: null }));
  }
  return { nested, lost };
}

/** Outer ones come first, so the last that holds it is the one directly around it. */
function isInside(inner: FilePath, outer: FilePath): boolean {
  const prefix = Buffer.concat([pathBytes(outer), SLASH]);
  return pathBytes(inner).subarray(0, prefix.length).equals(prefix);
}

async function isPlace(root: string, below: Buffer): Promise<boolean> {
  const { ino } = await lstat(Buffer.concat([Buffer.from(`${root}/`), below])).catch(() => NOTHING);
  return ino === PLACEHOLDER_INODE;
}

const NOTHING = { ino: 0 };

function joined(directory: string, path: FilePath): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), pathBytes(path)]);
}
