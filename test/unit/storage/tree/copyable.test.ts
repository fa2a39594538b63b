import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { toCowherdError } from '../../../../src/model/errors.ts';
import { expectCopyable } from '../../../../src/storage/tree/copyable.ts';

const test = suite<{ root: string }>('expectCopyable');
const never = new AbortController().signal;

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'cowherd-copyable-'));
});
test.after.each(({ root }) => {
  rmSync(root, { recursive: true, maxRetries: 10, retryDelay: 50 });
});

/** Makes and removes entries while something is done, as fast as a shell can. */
async function restless(root: string, during: () => Promise<void>): Promise<void> {
  for (let i = 0; i < 300; i += 1) mkdirSync(join(root, `e${String(i)}`));
  const script =
    'echo on; while :; do for i in *; do mkdir "$i/x"; rmdir "$i/x" "$i"; mkdir "$i"; done; done';
  const shell = spawn('sh', ['-c', script], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(shell.stdout, 'data');
    await during();
  } finally {
    shell.kill('SIGKILL');
    await once(shell, 'close');
  }
}

test('a tree whose names come and go while it is looked through is no failure', async ({
  root,
}) => {
  await restless(root, async () => {
    for (let round = 0; round < 60; round += 1) await expectCopyable(root, never);
  });
  assert.ok(readdirSync(root).length >= 299);
});

test('a path longer than a copy can have is named, cut', async ({ root }) => {
  let deep = '';
  for (let i = 0; i < 15; i += 1) deep = join(deep, 'd'.repeat(250));
  mkdirSync(join(root, deep), { recursive: true });
  const failure = toCowherdError(
    await expectCopyable(root, never).catch((error: unknown) => error),
  );
  assert.is(failure.code, 'TIER_UNSUPPORTED');
  assert.ok(failure.message.length < 500, failure.message);
});

test.run();
