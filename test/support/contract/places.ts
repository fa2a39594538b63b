import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Placement } from '../../../src/storage/driver.ts';
import { readMounts } from '../../../src/storage/mounts.ts';
import { placeVolume } from '../../../src/storage/placement.ts';

/** Where a volume of this name lies, whose data is there. */
export async function placed(name: string, mountpoint: string): Promise<Placement> {
  return placeVolume({ name, mountpoint, unsupported: null }, { mounts: await readMounts() });
}

/** Moves a volume's data away, and puts a directory of somebody else's there; where it is then. */
export function replaceByForeign(mountpoint: string): string {
  const elsewhere = `${mountpoint}-${randomBytes(4).toString('hex')}`;
  renameSync(mountpoint, elsewhere);
  mkdirSync(mountpoint);
  writeFileSync(join(mountpoint, 'foreign'), 'foreign\n');
  return elsewhere;
}
