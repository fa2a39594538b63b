import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readMany, type ReadFile } from '../../../src/exec/read-many.ts';
import { suite } from '../../support/suite.ts';

const test = suite<{ root: string }>('many small files');
test.before.each((given) => {
  given.root = mkdtempSync(join(tmpdir(), 'read-many-'));
});
test.after.each(({ root }) => {
  rmSync(root, { recursive: true });
});

async function readAll(root: string, names: readonly string[]): Promise<readonly ReadFile[]> {
  const rest = { file: 'file', marks: ['one', 'other'], maxBytes: 200_000 };
  const all: ReadFile[] = [];
  for await (const read of readMany({ directory: root, names, ...rest })) all.push(...read);
  return all;
}

function write(root: string, name: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(join(root, name));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), text);
  return name;
}

test('each is read whole, with its name and its marks', async ({ root }) => {
  const names = [
    write(root, 'plain', { file: '{"a": 1}\n' }),
    write(root, 'marked 7 -', { file: 'é\0 3 -- x\0', other: '' }),
    write(root, 'empty\nname', { file: '', one: '', other: 'x' }),
    write(root, 'large', { file: 'y'.repeat(200_000), one: '' }),
  ];
  const read = await readAll(root, names);
  assert.equal(
    read.map(({ name, text, marks }) => [name, text.length, [...marks]]),
    [
      ['plain', 9, []],
      ['marked 7 -', 10, ['other']],
      ['empty\nname', 0, ['one', 'other']],
      ['large', 200_000, ['one']],
    ],
  );
  assert.is(read[1]?.text, 'é\0 3 -- x\0');
});

test('what cannot be read, or is not such a file, is left out; the rest is read', async ({
  root,
}) => {
  const names = [
    write(root, 'none', { other: '' }),
    write(root, 'oversized', { file: 'y'.repeat(200_001) }),
    'gone',
    write(root, 'link', {}),
    write(root, 'fifo', {}),
    write(root, 'directory', {}),
    write(root, 'good', { file: 'x' }),
  ];
  symlinkSync('/etc/hostname', join(root, 'link/file'));
  execFileSync('mkfifo', [join(root, 'fifo/file')]);
  mkdirSync(join(root, 'directory/file'));
  assert.equal(
    (await readAll(root, names)).map(({ name }) => name),
    ['good'],
  );
});

test('thousands come in their order, and whoever stops early is held by nothing', async ({
  root,
}) => {
  const names = Array.from({ length: 3_000 }, (_, number) =>
    write(root, String(number), { file: `${String(number)} ${'z'.repeat(number)}` }),
  );
  const read = await readAll(root, names);
  assert.equal(
    read.map(({ name }) => name),
    names,
  );
  assert.ok(read.every(({ name, text }) => text.startsWith(`${name} `)));
  const rest = { file: 'file', marks: [], maxBytes: 200_000 };
  for await (const some of readMany({ directory: root, names, ...rest })) {
    assert.ok(some.length < names.length);
    break;
  }
});

test('where it cannot be started nothing is read, and nothing is thrown', async ({ root }) => {
  const names = [write(root, 'good', { file: 'x' })];
  const { execPath } = process;
  process.execPath = '/nonexistent';
  try {
    assert.equal(await readAll(root, names), []);
  } finally {
    process.execPath = execPath;
  }
});

test('one that is killed half way gives what it had read', async ({ root }) => {
  const names = Array.from({ length: 2_000 }, (_, number) =>
    write(root, String(number), { file: 'z'.repeat(5_000) }),
  );
  const rest = { file: 'file', marks: [], maxBytes: 200_000 };
  let count = 0;
  for await (const some of readMany({ directory: root, names, ...rest })) {
    if (count === 0) for (const pid of readers()) process.kill(pid, 'SIGKILL');
    count += some.length;
  }
  assert.ok(count > 0 && count < names.length, String(count));
});

/** Children of ours that run the reader. */
function readers(): readonly number[] {
  const { pid } = process;
  return readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
    .split(' ')
    .filter((child) => child !== '' && isReader(child))
    .map(Number);
}

function isReader(pid: string): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('read-many.');
}

test.run();
