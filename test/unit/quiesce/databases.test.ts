import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findDatabases } from '../../../src/quiesce/databases.ts';

const test = suite<{ root: string }>('findDatabases');

function database(wal: boolean): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.write('SQLite format 3\0', 'latin1');
  bytes.writeUInt16BE(4096, 16);
  bytes.fill(wal ? 2 : 1, 18, 20);
  return bytes;
}

test.before((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'cowherd-databases-'));
  mkdirSync(join(context.root, 'sub'));
  writeFileSync(join(context.root, 'sub/no-extension'), database(true));
  writeFileSync(join(context.root, 'sub/no-extension-wal'), Buffer.alloc(5000));
  writeFileSync(join(context.root, 'old.db'), database(false));
  writeFileSync(join(context.root, 'old.db-journal'), Buffer.from('d9d505f920a163d7', 'hex'));
  writeFileSync(join(context.root, 'only-a-name.db'), Buffer.alloc(4096));
});
test.after(({ root }) => {
  rmSync(root, { recursive: true });
});

test('databases are found by what is in them, with their WAL and hot journal', async ({ root }) => {
  const { databases, entries, truncated } = await findDatabases(root);
  const found = databases
    .map(({ path, wal, walBytes, hotJournal }) => ({ path, wal, walBytes, hotJournal }))
    .toSorted((a, b) => a.path.localeCompare(b.path));
  assert.equal(found, [
    { path: 'old.db', wal: false, walBytes: 0, hotJournal: true },
    { path: 'sub/no-extension', wal: true, walBytes: 5000, hotJournal: false },
  ]);
  assert.equal({ entries, truncated }, { entries: 6, truncated: false });
});

test('a limit that was hit is said', async ({ root }) => {
  assert.is((await findDatabases(root, { maxEntries: 3 })).truncated, true);
  const few = await findDatabases(root, { maxDatabases: 1 });
  assert.equal([few.databases.length, few.truncated], [1, true]);
  assert.is((await findDatabases(root, { maxEntries: 6, maxDatabases: 2 })).truncated, false);
  assert.is((await findDatabases('/', { timeoutMs: 1 })).truncated, true);
});

test.run();
