import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { snapshotsOf, subvolumeAround } from '../../../../src/storage/btrfs/foreign-snapshots.ts';

const subvolume = (path: string, guid: string, parentGuid: string | null = null) => ({
  path,
  guid,
  parentGuid,
});
const subvolumes = [
  subvolume('/@', 'root'),
  subvolume('/@/docker', 'docker'),
  subvolume('/.snapshots/1', 's1', 'root'),
  subvolume('/.cowherd/transient/1-1-1', 'ours', 'root'),
  subvolume('/backup/docker', 's2', 'docker'),
  subvolume('/backup/top', 's3', 'top'),
];

test('the subvolume around a path is the nearest above it', () => {
  assert.is(subvolumeAround(subvolumes, '/@/docker/volumes/x/_data'), '/@/docker');
  assert.is(subvolumeAround(subvolumes, '/@/docker'), '/@');
  assert.is(subvolumeAround(subvolumes, '/@dock/x'), '/');
});

test('snapshots of a subvolume are foreign outside our store', () => {
  assert.equal(snapshotsOf(subvolumes, 'root'), ['/.snapshots/1']);
  assert.equal(snapshotsOf(subvolumes, 'top'), ['/backup/top']);
  assert.equal(snapshotsOf(subvolumes, null), []);
});

test.run();
