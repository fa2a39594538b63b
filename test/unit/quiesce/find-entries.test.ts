import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseEntry } from '../../../src/quiesce/find-entries.ts';

test('a file of whole smallest pages is a candidate, its name taken byte by byte', () => {
  const name = Buffer.from([0x20, 0x0a, 0xff, 0x2d]);
  const entry = parseEntry(Buffer.concat([Buffer.from('f 8192 1000 1001 2 '), name]));
  const owner = { uid: 1000, gid: 1001 };
  assert.equal(entry, { kind: 'candidate', path: name, sizeBytes: 8192, ...owner, links: 2 });
});

test('a file of any other size only counts, unless it has the name of a database', () => {
  assert.equal(parseEntry(Buffer.from('f 8193 1000 1000 1 a.dbx')), { kind: 'other' });
  assert.equal(parseEntry(Buffer.from('f 0 1000 1000 1 empty')), { kind: 'other' });
  assert.is(parseEntry(Buffer.from('f 36 1000 1000 1 d/a.db')).kind, 'candidate');
  assert.equal(parseEntry(Buffer.from('-')), { kind: 'other' });
  assert.equal(parseEntry(Buffer.alloc(0)), { kind: 'other' });
});

test('a directory where a subvolume was is a placeholder', () => {
  const entry = parseEntry(Buffer.from('p 0 0 0 0 a b/c'));
  assert.equal(entry, { kind: 'placeholder', path: Buffer.from('a b/c') });
});

test.run();
