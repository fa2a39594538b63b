import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import {
  parseDatasets,
  parsePools,
  parseProperties,
  parseVersion,
} from '../../../../src/storage/zfs/parse.ts';

// Captured from OpenZFS 2.1.11.
const DATASETS = `tank\t/mnt/t\tyes\t15898094164264833281\tfilesystem\toff\t-\ton\t-\t-
tank/docker/cowherd/.cowherd\tlegacy\tyes\t5874210331713597816\tfilesystem\toff\t-\tnoauto\t-
tank/docker/cowherd/v\t/mnt/docker/volumes/v/_data\tyes\t17802508890553600401\tfilesystem\toff\t-\ton\ttank/docker/cowherd/cowherd-old-1-v@cowherd-1
tank/enc/a\t/mnt/t/enc/a\tno\t7181736367418311990\tfilesystem\taes-256-gcm\tunavailable\ton\t-\t-
tank/disk\t-\t-\t1695893018112964076\tvolume\toff\t-\t-\t-
`;

test('datasets: where they are mounted, whether they can be read, what they are clones of', () => {
  const [root, store, clone, locked, zvol] = parseDatasets(DATASETS);
  assert.is(root?.mountpoint, '/mnt/t');
  assert.is(root?.origin, null);
  assert.is(store?.mountpoint, 'legacy');
  assert.is(store?.canmount, 'noauto');
  assert.is(clone?.origin, 'tank/docker/cowherd/cowherd-old-1-v@cowherd-1');
  assert.is(clone?.guid, '17802508890553600401');
  assert.equal([locked?.mounted, locked?.readable], [false, false]);
  assert.equal([clone?.mounted, clone?.readable], [true, true]);
  assert.equal([zvol?.type, zvol?.mountpoint], ['volume', null]);
});

test('pools: health, read-only and altroot', () => {
  const text = `tank\t8926496745476553230\tONLINE\toff\t-
rescue\t1\tSUSPENDED\ton\t/mnt/rescue
`;
  assert.equal(parsePools(text), [
    {
      name: 'tank',
      guid: '8926496745476553230',
      health: 'ONLINE',
      readonly: false,
      altroot: null,
    },
    { name: 'rescue', guid: '1', health: 'SUSPENDED', readonly: true, altroot: '/mnt/rescue' },
  ]);
});

test('a user property with a line break or a tab in its value is no row, and disturbs no other', () => {
  const text = `reservation\t1048576\tlocal\nu:x\ta\nb\tlocal\nu:y\tc\td\tlocal\nquota\t5\treceived\n`;
  assert.equal(parseProperties(text), [
    { name: 'reservation', value: '1048576', source: 'local' },
    { name: 'quota', value: '5', source: 'received' },
  ]);
});

test('the older of command and kernel module counts', () => {
  assert.equal(parseVersion('zfs-2.1.11-1+deb12u1\nzfs-kmod-2.1.11-1\n'), { major: 2, minor: 1 });
  assert.equal(parseVersion('zfs-2.2.4-1\nzfs-kmod-2.0.3-9\n'), { major: 2, minor: 0 });
  assert.equal(parseVersion('zfs-0.8.6\nzfs-kmod-2.1.0\n'), { major: 0, minor: 8 });
  assert.is(parseVersion('command not known\n'), null);
});

test.run();
