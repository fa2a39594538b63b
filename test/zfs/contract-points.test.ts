import { restorePointContract } from '../support/contract/driver.ts';
import { makeZfs } from '../support/contract/zfs.ts';
import { requireZfs } from '../support/zfs/available.ts';

requireZfs();

restorePointContract({ name: 'zfs', makeFilesystem: makeZfs });
