import { driverContract } from '../support/contract/driver.ts';
import { makePlain } from '../support/contract/plain.ts';
import { requireLab } from '../support/lab/available.ts';

requireLab();

for (const filesystem of ['xfs', 'ext4'] as const)
  driverContract({
    name: filesystem,
    makeFilesystem: async () => makePlain(filesystem),
  });

driverContract({
  name: 'ext4, archives on another filesystem',
  makeFilesystem: async () => makePlain('ext4', { apart: true }),
});
