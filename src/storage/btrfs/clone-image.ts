import { lstat, rmdir } from 'node:fs/promises';
import { runOnPaths } from '../../exec/run-on-paths.ts';
import { systemCode } from '../../model/errors.ts';
import { pathBytes, type FilePath } from '../../model/file-path.ts';
import { shortened } from '../../model/names.ts';
import type { StageRequest, StageSource } from '../driver.ts';
import { snapshotSubvolume } from './subvolume.ts';

const NS_PER_S = 1_000_000_000n;
const SLASH = 0x2f;

interface CloneRequest extends Pick<StageRequest, 'tell' | 'volume'> {
  readonly source: Extract<StageSource, { from: 'image' }>;
}

/**
 * A writable snapshot of an image, its nested images in their places, outer ones first. What the volume's owner put in such a
 * place is no reason not to have the rest: it is told.
 */
export async function cloneImage(request: CloneRequest, target: string): Promise<void> {
  const { source, volume, tell } = request;
  await snapshotSubvolume(source.location, target, { readonly: false });
  const outerFirst = [...source.nested].sort((a, b) => lengthOf(a) - lengthOf(b));
  for (const nested of outerFirst) {
    const place = Buffer.concat([Buffer.from(`${target}/`), pathBytes(nested)]);
    if (await cloneNested(nested.location, place)) continue;
    tell?.(`${volume.volume} comes back without the nested subvolume ${shortened(nested.path)}`);
  }
}

function lengthOf(path: FilePath): number {
  return pathBytes(path).length;
}

/** Puts an image where an empty directory stands for it. False where there is none such. */
async function cloneNested(location: string, place: Buffer): Promise<boolean> {
  const parent = place.subarray(0, place.lastIndexOf(SLASH));
  try {
    const { mtimeNs } = await lstat(parent, { bigint: true });
    await rmdir(place);
    await snapshotSubvolume(location, place, { readonly: false });
    await setModified(parent, mtimeNs);
    return true;
  } catch (error) {
    if (NO_PLACE.includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

const NO_PLACE = ['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'ENAMETOOLONG', 'ELOOP'];

/** With all nine digits, which a `Date` and utimes(2) by way of a double would lose. */
async function setModified(path: Buffer, mtimeNs: bigint): Promise<void> {
  const seconds = mtimeNs / NS_PER_S;
  const fraction = String(mtimeNs % NS_PER_S).padStart(9, '0');
  const time = `@${String(seconds)}.${fraction}`;
  await runOnPaths('touch', ['-c', '-h', '-m', '-d', time, '--'], [path]);
}
