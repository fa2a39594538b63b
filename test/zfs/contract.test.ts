import { driverContract } from '../support/contract/driver.ts';
import { makeZfs } from '../support/contract/zfs.ts';
import { requireZfs } from '../support/zfs/available.ts';

requireZfs();

driverContract({ name: 'zfs', makeFilesystem: makeZfs });
