import { findDatabases, type ImageScan, type ScanLimits } from '../../../src/quiesce/databases.ts';

/** What is in one image. */
export async function scanImage(root: string, limits: ScanLimits = {}): Promise<ImageScan> {
  const [scan] = await findDatabases([root], limits);
  if (scan === undefined) throw new Error(`${root} was not scanned`);
  return scan;
}
