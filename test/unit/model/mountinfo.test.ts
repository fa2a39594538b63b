import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { mountOf, parseMountinfo, pathInFilesystem } from '../../../src/model/mountinfo.ts';

// Captured from a host whose Docker data root is a bind mount inside a btrfs filesystem.
const TEXT = `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
43 27 0:39 / /mnt/pool rw,noatime - btrfs /dev/loop0 rw,space_cache=v2,subvolid=5,subvol=/
44 27 0:39 /@docker /var/lib/docker rw,relatime - btrfs /dev/loop0 rw,subvolid=256,subvol=/@docker
45 44 0:39 /@docker/my\\040dir /var/lib/docker/a\\040b rw - btrfs /dev/loop0 rw,subvolid=256,subvol=/@docker
46 44 0:50 / /var/lib/docker rw - tmpfs tmpfs rw
garbage`;

const mounts = parseMountinfo(TEXT);

test('lines that do not fit are left out', () => {
  assert.is(mounts.length, 5);
});

test('octal escapes are undone', () => {
  assert.is(mounts[3]?.mountPoint, '/var/lib/docker/a b');
  assert.is(mounts[3]?.root, '/@docker/my dir');
});

test('the longest mount point serves a path, the last of equal ones', () => {
  assert.is(mountOf('/var/lib/docker/volumes/x', mounts)?.fstype, 'tmpfs');
  assert.is(mountOf('/var/lib/docker/a b/c', mounts)?.id, 45);
  assert.is(mountOf('/var/lib/dockerish', mounts)?.id, 27);
  assert.is(mountOf('/', mounts)?.id, 27);
});

test('a path is named from the filesystem root', () => {
  const [root, pool, docker] = mounts;
  if (!root || !pool || !docker) throw new Error('the fixture was not parsed');
  assert.is(pathInFilesystem('/srv/x', root), '/srv/x');
  assert.is(pathInFilesystem('/mnt/pool', pool), '/');
  assert.is(pathInFilesystem('/mnt/pool/a', pool), '/a');
  assert.is(
    pathInFilesystem('/var/lib/docker/volumes/v/_data', docker),
    '/@docker/volumes/v/_data',
  );
});

test.run();
