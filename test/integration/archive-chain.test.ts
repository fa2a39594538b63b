import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Archive } from '../../src/storage/archive/read-index.ts';
import { vetMembers } from '../../src/storage/archive/vet-members.ts';
import { ARCHIVE_TOOLS, makePlace, refusalOf, type Place } from '../support/archive/place.ts';
import { changeAtRandom } from '../support/archive/random-changes.ts';
import { describeRestored, differences } from '../support/archive/rich-tree.ts';
import { requireTools } from '../support/lab/available.ts';
import { must } from '../support/lab/run.ts';

requireTools(ARCHIVE_TOOLS);

interface Given {
  place: Place;
  chain: Archive[];
  /** What the tree was at each level. */
  states: string[];
}

const change = (root: string, script: string) => must(['python3', '-c', PRELUDE + script, root]);

const PRELUDE = String.raw`
import os, shutil, subprocess, sys
os.chdir(sys.argv[1])
def put(name, text=b'x'):
    with open(name, 'wb') as f: f.write(text)
def acl(*args): subprocess.run(['setfacl', *args], check=True)
`;

const FIRST = String.raw`
for d in ['a', 'a/deep', 'a/deep/er', 'b', 'to-link', 'to-file', 'gone', 'acl', 'was-quiet', 'noted']: os.mkdir(d)
for f in ['a/one', 'a/two', 'a/deep/er/three', 'b/file', 'to-link/inside', 'to-file/inside', 'gone/inside', 'to-dir', 'file-to-link',
  'stays', 'renamed', b'odd-\xff\n', 'acl/old', 'acl/bare', 'noted/file', 'chmodded', 'same-size', 'to-fifo']: put(f, os.fsencode(f) * 3)
os.symlink('../b', 'a/link'); os.symlink('stays', 'link-to-file'); os.symlink('b', 'link-to-dir'); os.symlink('one', 'retargeted')
put('big', os.urandom(4 << 20))
put('group-1', b'group'); os.link('group-1', 'group-2'); os.link('group-1', 'a/group-3')
put('pair-1', b'pair'); os.link('pair-1', 'pair-2')
put('still-1', os.urandom(1 << 20)); os.link('still-1', 'b/still-2')
for name in ['noted', 'noted/file', '.']: os.setxattr(name, 'user.was', b'1'); os.setxattr(name, 'user.od\nd=\\', b'2')
acl('-d', '-m', 'u:7:rwx', 'acl'); acl('-m', 'u:7:r', 'acl/old')
`;

const SECOND = String.raw`
shutil.rmtree('gone'); os.unlink('a/one'); os.rename('renamed', 'a/renamed'); os.rename('a/deep', 'b/deep')
os.unlink('to-dir'); os.mkdir('to-dir'); put('to-dir/now')
shutil.rmtree('to-link'); os.symlink('/etc', 'to-link')
shutil.rmtree('to-file'); put('to-file', b'a file')
os.unlink('file-to-link'); os.symlink('../../outside', 'file-to-link')
os.unlink('link-to-file'); put('link-to-file', b'now a file')
os.unlink('link-to-dir'); os.mkdir('link-to-dir'); put('link-to-dir/inside')
os.unlink('to-fifo'); os.mkfifo('to-fifo')
os.unlink('retargeted'); os.symlink('two', 'retargeted')
with open('group-2', 'ab') as f: f.write(b' changed')
os.unlink('pair-1')
os.chmod('chmodded', 0o4750); os.chown('b', 1000, 1000)
t = os.stat('same-size').st_mtime_ns; put('same-size', b'SAME-SIZE' * 3); os.utime('same-size', ns=(t, t))
for name in ['noted', 'noted/file', '.']: os.removexattr(name, 'user.was'); os.removexattr(name, 'user.od\nd=\\'); os.setxattr(name, 'user.is', b'3')
put('acl/new'); put('acl/plain'); acl('-b', 'acl/plain'); acl('-b', 'acl/bare'); acl('-b', 'acl/old')
`;

const THIRD = String.raw`
acl('-b', '-k', 'acl'); put('acl/newest')
os.unlink('to-link'); os.mkdir('to-link'); put('to-link/again')
os.unlink('to-fifo'); put('to-fifo', b'a file again')
shutil.rmtree('to-dir'); os.symlink('stays', 'to-dir')
os.unlink('to-file'); os.mkdir('to-file'); os.mkdir('to-file/sub')
os.link('pair-2', 'pair-1'); os.link('group-1', 'group-4'); os.unlink('a/group-3')
os.rename('b', 'c'); os.unlink('a/link'); put('gone', b'a file now'); os.unlink(b'odd-\xff\n')
os.removexattr('noted', 'user.is'); os.utime('a', ns=(5, 6))
`;

for (const filesystem of ['ext4', 'xfs'] as const) {
  const test = suite<Given>(`a chain of archives on ${filesystem}`);

  test.before(async (given) => {
    const place = await makePlace(filesystem);
    Object.assign(given, { place, chain: [], states: [] });
    for (const script of [FIRST, SECOND, THIRD, '']) {
      await change(place.source, script);
      const { chain, states } = given;
      chain.push(await place.write(`level-${chain.length}`, chain.at(-1)));
      states.push(await describeRestored(place.source));
    }
  });
  test.after(async ({ place }) => place?.disk.remove());

  for (const level of [0, 1, 2, 3]) {
    test(`level ${level} brings back the tree as it was then`, async ({ place, chain, states }) => {
      const restored = await place.restore(...chain.slice(0, level + 1));
      assert.equal(differences(await describeRestored(restored), states[level]!), []);
    });
  }

  test('an increment holds what has changed, with all names of a file, and every directory', async ({
    chain,
  }) => {
    const names = async ({ path }: Archive): Promise<string[]> => {
      const list = ['tar', '-tf', join(path, 'data.tar.zst'), '--quoting-style=c'];
      return (await must(list)).split('\n');
    };
    const second = await names(chain[1]!);
    for (const name of ['group-1', 'group-2', 'a/group-3', 'pair-2', 'same-size', 'b/', 'noted/'])
      assert.ok(second.includes(`"./${name}"`), name);
    for (const name of ['big', 'stays', 'still-1', 'b/still-2', 'a/two', 'to-fifo'])
      assert.not.ok(second.includes(`"./${name}"`), name);
    assert.ok(second.includes('"./b/deep/er/"'));
    assert.ok(second.includes('"./b/deep/er/three"'), 'what was moved is stored anew');
    const none = await names(chain[3]!);
    assert.ok(
      none.every((name) => name.endsWith('/"')),
      'nothing has changed but directories',
    );
    assert.equal(
      chain.map(({ summary }) => summary.level),
      [0, 1, 2, 3],
    );
    assert.ok(chain[1]!.summary.storedBytes < 10_000);
  });

  test('only the whole chain is accepted, in its order', async ({ place, chain }) => {
    const [zero, one, two, three] = chain as [Archive, Archive, Archive, Archive];
    const again = await place.write('again');
    const wrong = [
      [],
      [one],
      [zero, two],
      [one, zero],
      [zero, one, one],
      [zero, one, three],
      [again, one],
    ];
    for (const some of wrong) {
      const { code } = await refusalOf(vetMembers(some, place));
      assert.is(code, 'ARCHIVE_DAMAGED');
    }
    await vetMembers([again], place);
  });

  test('a tree that changes at random comes back as it was at each level', async () => {
    const place = await makePlace(filesystem);
    try {
      const [chain, states]: [Archive[], string[]] = [[], []];
      for (const changes of [150, 40, 40, 40]) {
        await changeAtRandom(place.source, `${filesystem} ${chain.length}`, changes);
        chain.push(await place.write(`level-${chain.length}`, chain.at(-1)));
        states.push(await describeRestored(place.source));
      }
      for (const [level, state] of states.entries()) {
        const restored = await place.restore(...chain.slice(0, level + 1));
        assert.equal(differences(await describeRestored(restored), state), []);
      }
      assert.ok(chain.at(-1)!.summary.entries > 20);
    } finally {
      await place.disk.remove();
    }
  });

  test('an archive on top of a damaged one is refused before it is written', async ({
    place,
    chain,
  }) => {
    const { path, summary } = chain[3]!;
    const index = { ...summary.index, sha256: '0'.repeat(64) };
    const refused = await refusalOf(place.write('bad', { path, summary: { ...summary, index } }));
    assert.is(refused.code, 'ARCHIVE_DAMAGED');
  });

  test.run();
}
