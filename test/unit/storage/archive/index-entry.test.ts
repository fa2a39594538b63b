import fc from 'fast-check';
import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import {
  compareEntries,
  formatEntry,
  isUnchanged,
  parseEntry,
  type IndexEntry,
} from '../../../../src/storage/archive/index-entry.ts';
import { merged } from '../../../../src/storage/archive/merged.ts';

const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0 && byte !== 0x2f)))
  .filter(({ length }) => length > 0);
const path = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((names) => Buffer.concat(names.flatMap((one, at) => (at === 0 ? [one] : [SLASH, one]))));
const SLASH = Buffer.from('/');
const number = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String);
const time = fc.tuple(number, number).map(([s, ns]) => `-${s}.${ns}`);

const entry = fc
  .record({
    path,
    type: fc.constantFrom('f', 'd', 'l', 'p', 's', 'b', 'c'),
    level: fc.nat(),
    mode: fc.nat(0o7777).map((mode) => mode.toString(8)),
    uid: number,
    gid: number,
    links: fc.nat(),
    inode: number,
    size: number,
    mtime: time,
    ctime: time,
    device: number,
    target: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes.filter(Boolean))),
  })
  .map((one): IndexEntry => ({ ...one, depth: one.path.toString('latin1').split('/').length }));

test('an entry is read as it was written, whatever its name and target', () => {
  fc.assert(
    fc.property(entry, (one) => {
      assert.equal(parseEntry(formatEntry(one)), one);
    }),
  );
});

test('what find writes is read', () => {
  const read = parseEntry(
    Buffer.from('00002 a/l nk//l 0 777 1000 50 1 12 6 1.0000000005 -2.5000000000 64 /etc x'),
  );
  assert.equal(
    [read?.path.toString(), read?.depth, read?.target.toString()],
    ['a/l nk', 2, '/etc x'],
  );
  const root = parseEntry(Buffer.from('00000 //d 0 1755 0 0 2 2 4096 1.0 1.0 64 '));
  assert.equal([root?.path.length, root?.mode, root?.target.length], [0, '1755', 0]);
});

test('what is no entry is none', () => {
  for (const text of [
    '',
    ' ',
    'x',
    '00001 a',
    '00001 a//',
    '00001 a//f 0 644 0 0 1 2 3 1.0 1.0',
    '1 a//f 0 644 0 0 1 2 3 1.0 1.0 5 ',
    '00001 a//f 0 999 0 0 1 2 3 1.0 1.0 5 ',
  ])
    assert.is(parseEntry(Buffer.from(text)), null, text);
});

test('their order is that of their bytes, and a directory comes before what is in it', () => {
  fc.assert(
    fc.property(entry, entry, (a, b) => {
      const bytes = Buffer.compare(formatEntry(a), formatEntry(b));
      if (!a.path.equals(b.path)) assert.is(Math.sign(compareEntries(a, b)), bytes);
      else assert.is(compareEntries(a, b), 0);
    }),
  );
});

test('one is unchanged only where nothing is different; a directory never is', () => {
  fc.assert(
    fc.property(entry, (one) => {
      assert.is(isUnchanged({ ...one, level: 0, device: '1' }, one), one.type !== 'd');
      for (const other of [
        { ctime: '1.5' },
        { inode: 'x' },
        { size: 'x' },
        { mode: '1' + one.mode },
      ])
        assert.is(isUnchanged({ ...one, ...other }, one), false);
    }),
  );
});

async function* each(entries: readonly IndexEntry[]): AsyncGenerator<IndexEntry, void> {
  yield* entries;
}

test('two listings are gone through name by name', async () => {
  const list = fc.array(entry).map((all) => {
    const byName = new Map(all.map((one) => [one.path.toString('latin1'), one]));
    return [...byName.values()].sort(compareEntries);
  });
  await fc.assert(
    fc.asyncProperty(list, list, async (left, right) => {
      const pairs = [];
      for await (const pair of merged(each(left), each(right))) pairs.push(pair);
      assert.equal(
        pairs.flatMap((pair) => pair.left ?? []),
        left,
      );
      assert.equal(
        pairs.flatMap((pair) => pair.right ?? []),
        right,
      );
      const both = pairs.filter((pair) => pair.left !== null && pair.right !== null);
      assert.ok(both.every((pair) => pair.left?.path.equals(pair.right?.path ?? SLASH)));
      const names = new Set([...left, ...right].map((one) => one.path.toString('latin1')));
      assert.is(pairs.length, names.size);
    }),
  );
});

test.run();
