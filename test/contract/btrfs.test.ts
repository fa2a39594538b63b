import { makeBtrfs } from '../support/contract/btrfs.ts';
import { driverContract } from '../support/contract/driver.ts';
import { requireLab } from '../support/lab/available.ts';

requireLab();

for (const layout of ['top', 'subvol'] as const)
  driverContract({
    name: `btrfs (${layout})`,
    makeFilesystem: async () => makeBtrfs(layout),
  });
