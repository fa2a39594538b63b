import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { isTight, parseUsage } from '../../../../src/storage/btrfs/shortages.ts';

const USAGE = `Overall:
    Device size:		         314572800
    Device allocated:		          92274688
    Device unallocated:		         222298112
    Used:			            294912
    Global reserve:		           5767168	(used: 0)
    Multiple profiles:		                no

Data,single: Size:8388608, Used:0 (0.00%)
   /dev/loop0	   8388608

Metadata,DUP: Size:33554432, Used:131072 (0.39%)
   /dev/loop0	  67108864
`;
const MIB = 1024 * 1024;

test('the overall part of btrfs filesystem usage is read', () => {
  assert.equal(parseUsage(USAGE), {
    unallocated: 222298112,
    metadataSize: 33554432,
    metadataUsed: 131072,
    reserved: 5767168,
  });
});

test('what says less, as a filesystem with mixed chunks, is no answer', () => {
  assert.is(parseUsage(USAGE.replace('Metadata,', 'Data+Metadata,')), null);
  assert.is(parseUsage(''), null);
});

test('metadata is tight when it is nearly full and cannot grow', () => {
  const full = { metadataSize: 1024 * MIB, metadataUsed: 900 * MIB, reserved: 64 * MIB };
  assert.is(isTight({ ...full, unallocated: 0 }), true);
  assert.is(isTight({ ...full, unallocated: 1024 * MIB }), false);
  assert.is(isTight({ ...full, metadataUsed: 100 * MIB, unallocated: 0 }), false);
});

test.run();
