import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstDifference } from '../../../../src/storage/tree/compare-tree.ts';
import { parseLsattr } from '../../../../src/storage/tree/inode-flags.ts';
import { parseList, parseShow } from '../../../../src/storage/btrfs/subvolume.ts';

// Captured from btrfs-progs 6.2.
const SHOW = `.cowherd/x
\tName: \t\t\t_data
\tUUID: \t\t\t48af1ec9-b287-6c40-a35c-e50a4c0dc251
\tParent UUID: \t\t-
\tReceived UUID: \t\t876261ef-673a-9446-b34d-d610ddd3d6d4
\tCreation time: \t\t2026-11-23 04:59:01 +0000
\tSubvolume ID: \t\t257
\tGeneration: \t\t9
\tFlags: \t\t\treadonly
\tSnapshot(s):
\t\t\t\tUUID: 11111111-1111-1111-1111-111111111111
`;

test('identity and state of a subvolume', () => {
  assert.equal(parseShow(SHOW), {
    uuid: '48af1ec9-b287-6c40-a35c-e50a4c0dc251',
    parentUuid: null,
    receivedUuid: '876261ef-673a-9446-b34d-d610ddd3d6d4',
    readonly: true,
  });
});

test('a path that looks like a field is not taken for one', () => {
  const hostile = `\tUUID: \t\t\tffffffff-ffff-ffff-ffff-ffffffffffff\n${SHOW.split('\n').slice(1).join('\n')}`;
  assert.is(parseShow(hostile).uuid, '48af1ec9-b287-6c40-a35c-e50a4c0dc251');
});

const LIST = `ID 256 gen 7 top level 5 parent_uuid -                                    uuid 876261ef-673a-9446-b34d-d610ddd3d6d4 path @docker
ID 257 gen 7 top level 256 parent_uuid 876261ef-673a-9446-b34d-d610ddd3d6d4 uuid 48af1ec9-b287-6c40-a35c-e50a4c0dc251 path @docker/volumes/a b/_data
half of a name with a line break
`;

test('subvolumes of a filesystem, with blanks in their names', () => {
  assert.equal(parseList(LIST), [
    { path: '/@docker', guid: '876261ef-673a-9446-b34d-d610ddd3d6d4', parentGuid: null },
    {
      path: '/@docker/volumes/a b/_data',
      guid: '48af1ec9-b287-6c40-a35c-e50a4c0dc251',
      parentGuid: '876261ef-673a-9446-b34d-d610ddd3d6d4',
    },
  ]);
});

const LSATTR = `---------------C------ ./.
---------------------- ./..
----i---------------m- ./d
---------------------- ./plain

./d:
----ia---------------- ./d/-x y
`;

test('inode flags that a copy must carry, the tree itself as a dot', () => {
  assert.equal(
    parseLsattr(LSATTR).filter(({ flags }) => flags !== ''),
    [
      { flags: 'im', path: 'd' },
      { flags: 'ia', path: 'd/-x y' },
    ],
  );
  assert.equal(parseLsattr('---------------C------ .'), [{ flags: 'C', path: '.' }]);
});

test('listings are equal whatever their order', () => {
  assert.is(firstDifference(['a', 'b'], ['b', 'a']), null);
  assert.is(firstDifference(['a', 'b'], ['a', 'c']), 'b');
  assert.is(firstDifference(['a'], ['a', 'b']), 'b');
  assert.is(firstDifference([], []), null);
});

test.run();
