import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { areQuiet } from '../../../src/storage/files/quiet-files.ts';
import { suite } from '../../support/suite.ts';

interface Given {
  root: string;
  live: string;
  tree: string;
}

const test = suite<Given>('files that nobody writes to');
const PATHS = ['db', 'db-wal', 'db-journal'].map((name) => Buffer.from(name));
const LATER_MS = 10_000;

test.before.each((given) => {
  given.root = mkdtempSync(join(tmpdir(), 'cowherd-quiet-'));
  given.live = join(given.root, 'live');
  given.tree = join(given.root, 'tree');
  for (const path of [given.live, given.tree]) mkdirSync(path);
  for (const name of ['db', 'db-wal']) {
    writeFileSync(join(given.live, name), name);
    copy(given, name);
  }
});
test.after.each(({ root }) => {
  rmSync(root, { recursive: true });
});

function copy({ live, tree }: Given, name: string): void {
  copyFileSync(join(live, name), join(tree, name));
  utimesSync(join(live, name), 1_000, 1_000);
  utimesSync(join(tree, name), 1_000, 1_000);
}

const quiet = async ({ live, tree }: Given, since: Date) => areQuiet({ live, tree, since }, PATHS);
const later = () => new Date(Date.now() + LATER_MS);

test('quiet are those whose change lies well before, and whose copy is like them', async (given) => {
  assert.ok(await quiet(given, later()));
  const { ctimeMs } = statSync(join(given.live, 'db'));
  assert.not(await quiet(given, new Date(ctimeMs + 500)), 'within the margin');
});

test('a change that sets size and times back is seen by its change time', async (given) => {
  const since = new Date();
  writeFileSync(join(given.live, 'db'), 'DB');
  utimesSync(join(given.live, 'db'), 1_000, 1_000);
  assert.not(await quiet(given, since));
});

const CHANGES: Readonly<Record<string, (given: Given) => void>> = {
  'a journal that came': ({ live }) => {
    writeFileSync(join(live, 'db-journal'), '');
  },
  'a log that went': ({ live }) => {
    rmSync(join(live, 'db-wal'));
  },
  'a log that was not copied': ({ tree }) => {
    rmSync(join(tree, 'db-wal'));
  },
  'a copy of another size': ({ tree }) => {
    writeFileSync(join(tree, 'db'), 'longer');
    utimesSync(join(tree, 'db'), 1_000, 1_000);
  },
  'a link in its place': ({ live }) => {
    rmSync(join(live, 'db'));
    symlinkSync('db-wal', join(live, 'db'));
  },
};

for (const [what, change] of Object.entries(CHANGES))
  test(`${what} is not quiet, however long ago`, async (given) => {
    change(given);
    assert.not(await quiet(given, later()));
  });

test.run();
