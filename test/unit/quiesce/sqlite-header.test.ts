import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { isHotJournal, parseHeader } from '../../../src/quiesce/sqlite-header.ts';

function header({ page = 4096, write = 2, read = 2 } = {}): Buffer {
  const bytes = Buffer.alloc(100);
  bytes.write('SQLite format 3\0', 'latin1');
  bytes.writeUInt16BE(page, 16);
  bytes[18] = write;
  bytes[19] = read;
  return bytes;
}

test('both versions 2 are WAL, anything else is not', () => {
  assert.equal(parseHeader(header()), { pageSizeBytes: 4096, wal: true });
  assert.equal(parseHeader(header({ write: 1, read: 1 })), { pageSizeBytes: 4096, wal: false });
  assert.is(parseHeader(header({ write: 1 }))?.wal, false);
});

test('a stored page size of 1 means 64 KiB', () => {
  assert.is(parseHeader(header({ page: 1 }))?.pageSizeBytes, 65_536);
});

test('what is short, has another magic or an impossible page size is no database', () => {
  assert.is(parseHeader(header().subarray(0, 99)), null);
  assert.is(parseHeader(Buffer.alloc(100)), null);
  for (const page of [0, 2, 256, 513, 4097]) assert.is(parseHeader(header({ page })), null);
});

test('only a journal that still has its magic is hot', () => {
  assert.ok(isHotJournal(Buffer.from('d9d505f920a163d7', 'hex')));
  assert.not.ok(isHotJournal(Buffer.alloc(8)));
  assert.not.ok(isHotJournal(Buffer.from('d9d5', 'hex')));
});

test.run();
