import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { processId } from '../support/lab/processes.ts';
import { until } from '../support/lab/run.ts';
import { suitesNotRun } from '../support/runner/verdict.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const RUNNER = join(REPOSITORY, 'scripts/run-tests.ts');
const HEAD = "import { suite, test } from 'uvu';\n";
const PASSES = `${HEAD}test('a', () => {});\ntest('b', () => {});\ntest.run();\n`;

let root = '';

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'runner-'));
  symlinkSync(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
});
test.after.each(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, source: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), source);
}

function runTests(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const argv = [RUNNER, '--root', root, ...args];
  const options = {
    encoding: 'utf8',
    env: { ...process.env, CI: '', TMPDIR: root, ...env },
  } as const;
  const { status, stdout } = spawnSync(process.execPath, argv, options);
  return { status, stdout, last: stdout.trimEnd().split('\n').at(-1) };
}

test('passing files: true numbers on the last line, exit 0', () => {
  file('test/unit/a.test.ts', PASSES);
  file('test/unit/deep/b.test.ts', PASSES);
  const { status, last } = runTests(['unit']);
  assert.is(last, '4 passed, 0 failed');
  assert.is(status, 0);
});

test('a failing test fails, with its output, and the others still count', () => {
  file('test/unit/a.test.ts', PASSES);
  const bad = `${HEAD}test('fine', () => {});\ntest('bad', () => { throw new Error('boo'); });\n`;
  file('test/unit/b.test.ts', `${bad}test.run();\n`);
  const { status, stdout, last } = runTests(['unit']);
  assert.is(last, '3 passed, 1 failed');
  assert.match(stdout, 'boo');
  assert.is(status, 1);
});

test('a test that fails with an error of ours, and a hook, say why', () => {
  const head = `import { suite } from '${join(REPOSITORY, 'test/support/suite.ts')}';
const test = suite('told');\n`;
  const coded = "Object.assign(new Error('coded'), { details: { missing: 7 } })";
  file('test/unit/a.test.ts', `${head}test('a', () => { throw ${coded}; });\ntest.run();\n`);
  const hook = "test.before(() => { throw new Error('from the hook'); });";
  file('test/unit/b.test.ts', `${head}${hook}\ntest('b', () => {});\ntest.run();\n`);
  const { status, stdout, last } = runTests(['unit']);
  for (const said of ['coded', 'missing: 7', 'from the hook']) assert.match(stdout, said);
  assert.is(last, '0 passed, 2 failed');
  assert.is(status, 1);
});

test('a file that forgets .run() fails', () => {
  file('test/unit/a.test.ts', `${HEAD}test('a', () => {});\n`);
  const { status, stdout, last } = runTests(['unit']);
  assert.is(last, '0 passed, 1 failed');
  assert.match(stdout, 'nothing ran');
  assert.is(status, 1);
});

test('a second suite that forgets .run() fails', () => {
  file('test/unit/a.test.ts', `${PASSES}const more = suite('more');\nmore('c', () => {});\n`);
  const { stdout, last } = runTests(['unit']);
  assert.is(last, '2 passed, 1 failed');
  assert.match(stdout, 'more.run() is missing');
  assert.equal(suitesNotRun("const a = suite('a');\na.run();\n"), []);
});

test('a file without tests, an empty suite and an unknown name fail', () => {
  file('test/unit/a.test.ts', `${HEAD}test.run();\n`);
  assert.is(runTests(['unit']).last, '0 passed, 1 failed');
  assert.is(runTests(['e2e']).last, '0 passed, 1 failed');
  assert.is(runTests(['test/unit/none.test.ts']).status, 1);
});

test('a before hook that throws fails, though uvu exits 0', () => {
  const before = "test.before(() => { throw new Error('x'); });\n";
  file('test/unit/a.test.ts', `${HEAD}${before}test('a', () => {});\ntest.run();\n`);
  assert.is(runTests(['unit']).last, '0 passed, 1 failed');
});

test('what fails after the last test fails the file', () => {
  file('test/unit/a.test.ts', `${PASSES}setTimeout(() => { throw new Error('late'); }, 50);\n`);
  assert.is(runTests(['unit']).last, '2 passed, 1 failed');
});

test('skips are counted with their reasons, and fail in CI', () => {
  const skip = "test.skip('c', () => {});\n";
  const says = "test('d', () => { console.log('SKIP: no root'); });\n";
  file('test/unit/a.test.ts', `${HEAD}test('a', () => {});\n${skip}${says}test.run();\n`);
  const { status, stdout, last } = runTests(['unit']);
  assert.is(last, '2 passed, 0 failed, 1 skipped');
  assert.match(stdout, 'skipped: no root');
  assert.is(status, 0);
  assert.is(runTests(['unit'], { CI: 'true' }).last, '2 passed, 1 failed');
});

test('a test that returns after saying SKIP has not passed', () => {
  const says = (why: string) => `test('d', () => { console.log('SKIP: ${why}'); });\n`;
  file('test/unit/a.test.ts', `${HEAD}${says('no root')}${says('no btrfs')}test.run();\n`);
  assert.is(runTests(['unit']).last, '0 passed, 0 failed, 2 skipped');
  file('test/unit/a.test.ts', `${HEAD}${says('retention vectors are not here')}test.run();\n`);
  assert.is(runTests(['unit'], { CI: 'true' }).last, '0 passed, 0 failed, 1 skipped');
});

test('a file that hangs is ended with what it started', () => {
  const pids =
    "import { spawn } from 'node:child_process';\nimport { writeFileSync } from 'node:fs';\n";
  const child = `const child = spawn('sleep', ['300']);\nwriteFileSync('pid', String(child.pid));\n`;
  file('test/unit/a.test.ts', `${pids}${PASSES}${child}`);
  const { stdout, last } = runTests(['--timeout', '0.03', 'unit']);
  assert.is(last, '2 passed, 1 failed');
  assert.match(stdout, 'timed out');
  assert.not.ok(readdirSync(root).includes('pid') && sleepLives(), 'the child lives');
});

function sleepLives(): boolean {
  const pid = Number(spawnSync('cat', [join(root, 'pid')], { encoding: 'utf8' }).stdout);
  return processId(pid) !== undefined;
}

test('a process that left its group is found, ended and counted', () => {
  const start = "spawn('sleep', ['300'], { detached: true, stdio: 'ignore' }).unref();\n";
  const source = `import { spawn } from 'node:child_process';\n${PASSES}${start}`;
  file('test/integration/a.test.ts', source);
  const { stdout, last } = runTests(['integration']);
  assert.is(last, '2 passed, 1 failed');
  assert.match(stdout, /process \d+ was left: sleep 300/);
});

test('an interrupted run ends its children and says so', async () => {
  file('test/unit/a.test.ts', `${PASSES}setTimeout(() => {}, 300_000);\nconsole.log('up');\n`);
  const child = spawn(process.execPath, [RUNNER, '--root', root, 'unit'], {
    env: { ...process.env, TMPDIR: root },
    stdio: 'ignore',
  });
  const exited = new Promise((done) => child.on('exit', done));
  await until('the file runs', () => runDirectories().length > 0);
  child.kill('SIGTERM');
  assert.is(await exited, 143);
  assert.equal(runDirectories(), []);
});

function runDirectories(): string[] {
  return readdirSync(root).filter((name) => name.startsWith('cowherd-test-'));
}

test('a file that cannot run here skips itself with one line', () => {
  file('test/unit/a.test.ts', "console.log('SKIP ALL: labs need root');\n");
  const { stdout, last } = runTests(['unit']);
  assert.is(last, '0 passed, 0 failed, 1 skipped');
  assert.match(stdout, 'skipped: labs need root');
  assert.is(runTests(['unit'], { CI: 'true' }).last, '0 passed, 1 failed');
});

test.run();
