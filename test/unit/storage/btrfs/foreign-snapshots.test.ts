import { test } from '../../../support/suite.ts';
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
  subvolume('/backup/docker', 's2', 'docker'),
  subvolume('/backup/top', 's3', 'top'),
];

test('the subvolume around a path is the nearest above it', () => {
  assert.is(subvolumeAround(subvolumes, '/@/docker/volumes/x/_data'), '/@/docker');
  assert.is(subvolumeAround(subvolumes, '/@/docker'), '/@');
  assert.is(subvolumeAround(subvolumes, '/@dock/x'), '/');
});

test('snapshots of a subvolume are those that were made from it', () => {
  assert.equal(snapshotsOf(subvolumes, 'root'), ['/.snapshots/1']);
  assert.equal(snapshotsOf(subvolumes, 'top'), ['/backup/top']);
  assert.equal(snapshotsOf(subvolumes, null), []);
});

test.run();
