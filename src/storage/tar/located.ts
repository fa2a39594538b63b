import { lstat, rm } from 'node:fs/promises';
import { systemCode, toCowherdError } from '../../model/errors.ts';
import type { StoredSnapshot } from '../../model/manifest.ts';
import { removeImages } from '../files/images.ts';
import type { Layout } from '../files/layout.ts';
import type { FiledSnapshot } from '../files/filed.ts';
import { archivePaths } from '../archive/layout.ts';
import { chainOf, type Chain } from './archives.ts';

/** A restore point with where its archives are: all of a filesystem's in one directory, since some need others. */
export function located(layout: Layout, filed: FiledSnapshot): StoredSnapshot {
  const { manifest, pinned, unpinned } = filed;
  const locations = Object.fromEntries(
    manifest.volumes.map(({ image }) => [image, `${layout.archives}/${image}`]),
  );
  return { manifest, pinned, unpinned, locations };
}

/** Of filed restore points those whose archives are all there, as large as they were, and the ids of the others. Contents are not read. */
export async function sorted(
  layout: Layout,
  filed: readonly FiledSnapshot[],
): Promise<{ readonly whole: readonly StoredSnapshot[]; readonly incomplete: readonly string[] }> {
  const whole: StoredSnapshot[] = [];
  const incomplete: string[] = [];
  for (const one of filed) {
    const { volumes, id } = one.manifest;
    const checks = volumes.map(async ({ image, guid }) => wholeChain(layout, image, guid));
    if ((await Promise.all(checks)).every((chain) => chain !== null))
      whole.push(located(layout, one));
    else incomplete.push(id);
  }
  return { whole, incomplete };
}

/** The chain of an archive, or null where something of it is gone, cut off or another. Contents are not read. */
export async function wholeChain(
  layout: Layout,
  name: string,
  sha256?: string,
): Promise<Chain | null> {
  const chain = await chainOf(layout, name, sha256).catch((error: unknown) => {
    if (toCowherdError(error).code === 'ARCHIVE_DAMAGED') return null;
    throw error;
  });
  if (chain === null) return null;
  const sizes = chain.archives.flatMap(({ path, summary }) => [
    isOfSize(archivePaths(path).data, summary.storedBytes),
    isOfSize(archivePaths(path).index, summary.index.storedBytes),
  ]);
  return (await Promise.all(sizes)).every(Boolean) ? chain : null;
}

async function isOfSize(path: string, bytes: number): Promise<boolean> {
  try {
    return (await lstat(path)).size === bytes;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Removes a directory of a restore point: there are files in it and nothing else. Gone already is success. */
export async function removeDirectory(directory: string): Promise<void> {
  await removeImages(directory, async (path) => rm(path, { force: true }));
}
