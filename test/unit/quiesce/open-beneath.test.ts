import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { systemCode } from '../../../src/model/errors.ts';
import { openBeneath, openResolved } from '../../../src/quiesce/open-beneath.ts';

const test = suite<{ root: string; fd: number }>('openBeneath');

test.before((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'cowherd-beneath-'));
  mkdirSync(join(context.root, 'a/b'), { recursive: true });
  writeFileSync(join(context.root, 'a/b/file'), 'here');
  symlinkSync('b', join(context.root, 'a/link'));
  symlinkSync('b/file', join(context.root, 'a/filelink'));
  context.fd = openSync(context.root, 'r');
});
test.after(({ root, fd }) => {
  closeSync(fd);
  rmSync(root, { recursive: true });
});

test('a file is opened through its directories', async ({ fd }) => {
  const file = await openBeneath(fd, Buffer.from('a/b/file'));
  assert.is(readFileSync(file, 'utf8'), 'here');
  closeSync(file);
});

test('no link is followed, neither on the way nor at the end', async ({ fd }) => {
  for (const path of ['a/link/file', 'a/filelink']) {
    const code = await openBeneath(fd, Buffer.from(path)).catch((error: unknown) =>
      systemCode(error),
    );
    assert.match(String(code), /^(ELOOP|ENOTDIR)$/, path);
  }
});

test('nothing leads out', async ({ fd }) => {
  for (const path of ['..', 'a/../../x', '/etc/passwd', 'a//b', '.', '', 'a/b/']) {
    const code = await openBeneath(fd, Buffer.from(path)).catch((error: unknown) =>
      systemCode(error),
    );
    assert.is(code, 'EINVAL', path);
  }
});

test('a resolved host path is opened as it is: a link that came into it since is refused', async ({
  root,
}) => {
  const directory = await openResolved(join(root, 'a/b'));
  assert.is(readFileSync(`/proc/self/fd/${directory}/file`, 'utf8'), 'here');
  closeSync(directory);
  closeSync(await openResolved('/'));
  for (const path of ['a/link', 'a/filelink']) {
    const code = await openResolved(join(root, path)).catch((error: unknown) => systemCode(error));
    assert.match(String(code), /^(ELOOP|ENOTDIR)$/, path);
  }
});

test.run();
