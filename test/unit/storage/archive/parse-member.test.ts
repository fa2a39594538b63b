import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { LIST_ARGUMENTS, parseMember } from '../../../../src/storage/archive/parse-member.ts';

const line = (text: string) => {
  const member = parseMember(text);
  return (
    member && {
      ...member,
      name: member.name.toString('latin1'),
      target: member.target.toString('latin1'),
    }
  );
};

test('a member is read with mode, owner, size and name', () => {
  assert.equal(
    line('-rwsr-x--T 1000/4294967294 6 2026-11-22 11:05:03.123456789 "./a\\nb\\377\\"\\\\"'),
    {
      ...{ type: '-', mode: '5750', uid: '1000', gid: '4294967294', size: '6' },
      ...{ name: './a\nb\xff"\\', target: '' },
    },
  );
  assert.is(line('drwxrwsrwt 0/0   0 2026-11-22 11:05:03 "./d/"')?.mode, '3777');
});

test('links have a target, and no name is mistaken for one', () => {
  const link = line('lrwxrwxrwx 0/0 0 2026-11-22 11:05:03 "./a\\" -> \\"b" -> "/etc"');
  assert.equal([link?.name, link?.target], ['./a" -> "b', '/etc']);
  const hard = line('hrw-r--r-- 0/0 0 2026-11-22 11:05:03 "./b" link to "./a"');
  assert.equal([hard?.type, hard?.target], ['h', './a']);
});

test('devices and what tar tells in other ways are no members', () => {
  for (const text of [
    'crw-rw-rw- 0/0 1,3 2026-11-22 11:05:03 "./null"',
    '-rw-r--r-- 0/0 6 2026-11-22 11:05:03 "./a" unknown file type "Z"',
    '-rw-r--r-- 0/0 6 2026-11-22 11:05:03 "./a',
    '-rw-r--r-- root/root 6 2026-11-22 11:05:03 "./a"',
    '',
  ])
    assert.is(line(text), null, text);
});

test('every name is read as it is, of those that tar lists', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 30 })
    .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0 && byte !== 0x2f)))
    .filter(({ length }) => length > 0);
  fc.assert(
    fc.property(fc.array(name, { minLength: 20, maxLength: 60 }), (names) => {
      const hex = names.map((one) => one.toString('hex'));
      const tar = execFileSync('python3', ['-c', MAKE, ...hex], { maxBuffer: 1 << 24 });
      const said = execFileSync('tar', LIST_ARGUMENTS, { input: tar, env: { LC_ALL: 'C' } });
      const read = said.toString('latin1').trimEnd().split('\n').map(parseMember);
      assert.equal(
        read.map((one) => one?.name.toString('hex')),
        hex.map((one) => `2e2f${one}`),
      );
    }),
    { numRuns: 5 },
  );
});

const MAKE = `
import os, sys, tarfile
out = tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.PAX_FORMAT, encoding='utf-8', errors='surrogateescape')
for name in sys.argv[1:]: out.addfile(tarfile.TarInfo('./' + os.fsdecode(bytes.fromhex(name))))
out.close()
`;

test.run();
