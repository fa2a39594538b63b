import { transactionContract } from '../support/contract/driver.ts';
import { makeZfs } from '../support/contract/zfs.ts';
import { requireZfs } from '../support/zfs/available.ts';

requireZfs();

transactionContract({ name: 'zfs', makeFilesystem: makeZfs });
