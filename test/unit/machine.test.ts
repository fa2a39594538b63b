import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { remoteCommand } from '../support/machine/ssh.ts';
import { judgeMachine } from '../support/runner/machine.ts';
import { parseRunnerOptions } from '../support/runner/options.ts';

function judge(output: string, exitCode: number | null = 0, timedOut = false) {
  return judgeMachine({ output, exitCode, timedOut, durationMs: 0 });
}

test("the machine's last totals count outside", () => {
  const { passed, failed, skipped } = judge(
    '1 passed, 0 failed\n7 passed, 2 failed, 1 skipped\n',
    1,
  );
  assert.equal({ passed, failed, skipped }, { passed: 7, failed: 2, skipped: 1 });
});

test('a machine that gives no totals has failed', () => {
  assert.is(judge('lab: the ZFS machine cannot be built\n', 1).failed, 1);
  assert.is(judge('', null, true).failed, 1);
  assert.is(judge('0 passed, 0 failed\n').failed, 1);
});

test('totals that the exit status belies are a failure', () => {
  assert.is(judge('7 passed, 0 failed\n', 255).failed, 1);
  assert.is(judge('7 passed, 2 failed\n', 0).failed, 2);
  assert.is(judge('7 passed, 0 failed\n', null, true).failed, 1);
});

test('a remote command arrives as it was given', () => {
  const argv = ['printf', '%s|', "it's", '$HOME', 'a b', '', '\n;"'];
  const command = remoteCommand(argv, { env: { A: '1 2', B: undefined } });
  const { stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  assert.is(stdout, 'it\'s|$HOME|a b||\n;"|');
});

test('the list of the suite zfs names files and directories, in order and each file once; what is not there stays named', () => {
  const root = mkdtempSync(join(tmpdir(), 'list-'));
  mkdirSync(join(root, 'test/deep'), { recursive: true });
  for (const name of ['a', 'long']) writeFileSync(join(root, `test/deep/${name}.test.ts`), '');
  writeFileSync(join(root, 'test/b.test.ts'), '');
  writeFileSync(
    join(root, 'test/zfs.list'),
    '# all\ntest/deep/long.test.ts\ntest/deep\n\ntest/b.test.ts\nsoak test/c.test.ts\n',
  );
  const filesOf = (...options: string[]) =>
    parseRunnerOptions(['--root', root, ...options, 'zfs']).selections[0]?.files;
  const files = ['test/deep/long.test.ts', 'test/deep/a.test.ts', 'test/b.test.ts'];
  assert.equal(filesOf(), files);
  assert.equal(filesOf('--soak'), [...files, 'test/c.test.ts']);
  rmSync(root, { recursive: true });
});

test.run();
