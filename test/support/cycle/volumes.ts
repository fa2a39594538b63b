import { join } from 'node:path';
import { isIsolated } from '../lab/isolated.ts';
import type { Lab } from '../lab/lab.ts';
import { unmount } from '../lab/mounts.ts';
import { must } from '../lab/run.ts';

/** Removes Docker's volumes; a mount point of a ZFS dataset goes only when it is one no more. */
export async function removeVolumes(lab: Lab, volumes: readonly string[]): Promise<void> {
  for (const volume of lab.filesystem === 'zfs' ? volumes : []) {
    const data = join(lab.dataRoot, 'volumes', volume, '_data');
    if (!isIsolated(lab, data)) continue;
    await unmount(data);
    await must(['chattr', '-i', data]);
  }
  await lab.docker(['volume', 'rm', ...volumes]);
}
