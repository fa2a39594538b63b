import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { split } from '../../../../src/exec/records.ts';
import { CowherdError } from '../../../../src/model/errors.ts';
import { parseLsattr } from '../../../../src/storage/tree/inode-flags.ts';
import { plainLines } from '../../../../src/storage/btrfs/list-subvolumes.ts';
import { parseRoot } from '../../../../src/storage/btrfs/root-tree.ts';
import { parseShow } from '../../../../src/storage/btrfs/subvolume.ts';

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

const TOP = '876261ef-673a-9446-b34d-d610ddd3d6d4';
const INNER = '48af1ec9-b287-6c40-a35c-e50a4c0dc251';
const FIRST = `ID 256 gen 7 top level 5 parent_uuid -                                    uuid ${TOP} path @docker\n`;
const SECOND = `ID 257 gen 7 top level 256 parent_uuid ${TOP} uuid ${INNER} path @docker/volumes/a b/_data\n`;

const plain = async (text: string, isWanted: (path: string) => boolean = () => true) =>
  plainLines(split(chunksOf(text), { separator: 10 }), ({ path }) => isWanted(path.toString()));

async function* chunksOf(text: string): AsyncGenerator<Buffer> {
  yield await Promise.resolve(Buffer.from(text, 'latin1'));
}

test('subvolumes of a filesystem, with blanks in their names', async () => {
  assert.equal(await plain(FIRST + SECOND), [
    { path: Buffer.from('/@docker'), guid: TOP, parentGuid: null, reachable: true },
    {
      path: Buffer.from('/@docker/volumes/a b/_data'),
      ...{ guid: INNER, parentGuid: TOP, reachable: true },
    },
  ]);
});

test('of what nobody asks for nothing is kept, and it spoils nothing', async () => {
  const isWanted = (path: string) => path === '/@docker';
  const listed = await plain(FIRST + SECOND + SECOND, isWanted);
  assert.equal(
    listed?.map(({ path }) => path.toString()),
    ['/@docker'],
  );
});

test('a listing that a name may have spoilt is not believed', async () => {
  for (const odd of ['x\ny', 'x\ry', 'x\xff', `x\n${FIRST.trim()}`])
    assert.is(await plain(FIRST + SECOND.replace('a b/_data', odd)), null, JSON.stringify(odd));
  assert.is(await plain(FIRST + FIRST), null);
  assert.equal(await plain(''), []);
});

const hex = (uuid: string) => uuid.replaceAll('-', '');

test('the tree of roots: any bytes in a path, a path that is too long, no identity', () => {
  const told = (text: string) => parseRoot(Buffer.from(text, 'latin1'));
  assert.equal(told(`256 5 ${hex(TOP)} ${'0'.repeat(32)} 1 /x\n\r\xff`), {
    ...{ id: '256', parentId: '5', guid: TOP, parentGuid: null, reachable: true },
    path: Buffer.from('/x\n\r\xff', 'latin1'),
  });
  assert.equal(told('257 256 - - 0 /x/\xe2\x80\xa6/y'), {
    ...{ id: '257', parentId: '256', guid: '', parentGuid: null, reachable: false },
    path: Buffer.from('/x/…/y'),
  });
  assert.throws(() => told(''), codeIs('TOOL_FAILED'));
  assert.throws(() => told('Perl is unwell'), codeIs('TOOL_FAILED'));
});

function codeIs(code: string) {
  return (error: unknown) => error instanceof CowherdError && error.code === code;
}

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

test.run();
