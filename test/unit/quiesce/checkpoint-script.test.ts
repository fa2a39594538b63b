import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { isCheckpointed } from '../../../src/quiesce/checkpoint.ts';
import {
  answerOf,
  checkpointScript,
  databaseUri,
  rowFor,
} from '../../../src/quiesce/checkpoint-script.ts';
import type { DatabaseFile } from '../../../src/quiesce/read-candidates.ts';

const context = { volumeName: 'v', mode: 'passive' as const };
const counters = (busy: number, log: number, checkpointed: number) => ({ busy, log, checkpointed });

function database(pathBytes: Buffer): DatabaseFile {
  const owner = { uid: 1000, gid: 1000 };
  const sizes = { sizeBytes: 4096, walBytes: 0, hotJournal: false, flaw: null };
  return { path: pathBytes.toString(), pathBytes, wal: true, ...owner, ...sizes };
}

test('any path is a plain ASCII URI that decodes to the same bytes and never creates a file', () => {
  const path = fc
    .uint8Array({ minLength: 1, maxLength: 60 })
    .map((bytes) => bytes.filter((b) => b !== 0));
  fc.assert(
    fc.property(path, (bytes) => {
      const uri = databaseUri(Buffer.from(bytes));
      assert.match(uri, /^file:\/v\/[A-Za-z0-9_./%-]*\?mode=rw$/);
      const encoded = uri.slice('file:/v/'.length, -'?mode=rw'.length);
      const decoded = encoded.replace(/%(..)/g, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
      assert.equal(Buffer.from(decoded, 'latin1'), Buffer.from(bytes));
    }),
  );
});

test('the script trusts no schema and repeats the checkpoint as often as it is told', () => {
  assert.is(
    checkpointScript('passive', 300, 2),
    '.timeout 300\nPRAGMA trusted_schema=OFF;\nPRAGMA wal_checkpoint(PASSIVE);\nPRAGMA wal_checkpoint(PASSIVE);\n',
  );
});

test('the last complete row counts, else the last, else there is none', () => {
  const answer = (stdout: string) => answerOf(stdout, isCheckpointed);
  assert.equal(answer('0|5|3\n0|5|5\n0|7|6\n'), counters(0, 5, 5));
  assert.equal(answer('0|5|3\n0|6|4\n'), counters(0, 6, 4));
  assert.is(answer('Error: x\n'), null);
});

test('a checkpoint is complete when nothing was busy and the whole log is in', () => {
  assert.ok(isCheckpointed(counters(0, 4, 4)));
  assert.ok(isCheckpointed(counters(0, 0, 0)));
  for (const row of [
    counters(0, 5, 4),
    counters(1, 4, 4),
    counters(0, -1, -1),
    counters(-1, -1, -1),
  ]) {
    assert.not.ok(isCheckpointed(row));
  }
});

test('a path that is not UTF-8 has its bytes in the row', () => {
  const bytes = Buffer.from([0x61, 0xff]);
  assert.is(
    rowFor(context, database(bytes), { counters: null }).pathBase64,
    bytes.toString('base64'),
  );
  assert.not.ok('pathBase64' in rowFor(context, database(Buffer.from('ü.db')), { counters: null }));
});

test('a note of hostile making is escaped and short', () => {
  const note = `\u001b[2J${'x'.repeat(9_000)}`;
  const row = rowFor(context, database(Buffer.from('a')), { counters: null, note });
  assert.match(row.note ?? '', /^\\x1b\[2Jx+$/);
  assert.is(row.note?.length, 300);
  assert.equal([row.busy, row.log, row.checkpointed], [-1, -1, -1]);
});

test.run();
