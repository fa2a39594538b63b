import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { findDatabases } from '../../../src/quiesce/databases.ts';
import { scanImage } from '../../support/quiesce/scan.ts';

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
  const { databases, entries, truncated } = await scanImage(root);
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
  assert.is((await scanImage(root, { maxEntries: 3 })).truncated, true);
  const few = await scanImage(root, { maxDatabases: 1 });
  assert.equal([few.databases.length, few.truncated], [1, true]);
  assert.is((await scanImage(root, { maxEntries: 6, maxDatabases: 2 })).truncated, false);
  assert.is((await scanImage('/', { timeoutMs: 1 })).truncated, true);
});

test("images are told apart, whatever they are called, and a limit that one hits is no other one's", async ({
  root,
}) => {
  const top = mkdtempSync(join(tmpdir(), 'cowherd-images-'));
  const images = ['none', 'many', '[o]ne*', 'o'].map((name) => join(top, name));
  for (const image of images) mkdirSync(image);
  for (let i = 0; i < 20; i += 1) writeFileSync(join(top, 'many', String(i)), '');
  writeFileSync(join(top, '[o]ne*', 'a.db'), database(true));
  try {
    const scans = await findDatabases([...images, root], { maxEntries: 10 });
    assert.equal(
      scans.map(({ databases, truncated }) => [databases.length, truncated]),
      [
        [0, false],
        [0, true],
        [1, false],
        [0, false],
        [2, false],
      ],
    );
  } finally {
    rmSync(top, { recursive: true });
  }
});

test('what says it is a database and what has a link beside it come with the reason not to be opened', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cowherd-flaws-'));
  const put = (name: string, bytes = database(true)) => {
    writeFileSync(join(root, name), bytes);
  };
  for (const name of ['plain', 'wal', 'shm', 'journal', 'named']) put(name);
  for (const side of ['wal', 'shm', 'journal']) symlinkSync('plain', join(root, `${side}-${side}`));
  linkSync(join(root, 'named'), join(root, 'again'));
  put('short.db', Buffer.from('SQLite format 3\0'));
  put('pages.db', Buffer.from('SQLite format 3\0'.padEnd(4096)));
  put('odd size.db', Buffer.concat([database(true), Buffer.from('x')]));
  put('other.db', Buffer.from('x'));
  const { databases, truncated } = await scanImage(root);
  rmSync(root, { recursive: true });
  assert.equal(Object.fromEntries(databases.map(({ path, wal, flaw }) => [path, [wal, flaw]])), {
    plain: [true, null],
    ...Object.fromEntries(['wal', 'shm', 'journal'].map((name) => [name, [true, 'beside']])),
    ...Object.fromEntries(['named', 'again'].map((name) => [name, [true, 'links']])),
    ...Object.fromEntries(
      ['short', 'pages', 'odd size'].map((n) => [`${n}.db`, [false, 'header']]),
    ),
  });
  assert.is(truncated, false);
});

test.run();
