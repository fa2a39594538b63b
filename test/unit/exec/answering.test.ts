import { spawnSync } from 'node:child_process';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { startAnswering, type Answering } from '../../../src/exec/answering.ts';
import { toCowherdError } from '../../../src/model/errors.ts';

/** Answers each request with what `answer` (Perl) makes of `$_`. */
function perl(answer: string): Answering {
  const script = `$| = 1;
    while (read(STDIN, my $head, 4) == 4) {
      read(STDIN, $_, unpack 'N', $head);
      my $told = do { ${answer} };
      print pack('N', length $told), $told;
    }`;
  return startAnswering('perl', ['-e', script]);
}

const codeOf = async (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (error: unknown) => toCowherdError(error).code,
  );

test('one process answers one request after the other, of any bytes and length', async () => {
  const echo = perl('reverse $_');
  const long = Buffer.alloc(300_000, 'ab');
  for (const request of [Buffer.from('x\0\xff', 'latin1'), Buffer.alloc(0), long])
    assert.equal(await echo.ask(request), Buffer.from(request).reverse());
  assert.ok(echo.alive());
  echo.end();
});

test('one that ends, is not installed or is busy is a failure with a code', async () => {
  const dying = perl('exit 3');
  assert.is(await codeOf(dying.ask(Buffer.from('x'))), 'TOOL_FAILED');
  assert.not.ok(dying.alive());
  assert.is(await codeOf(dying.ask(Buffer.from('x'))), 'TOOL_FAILED');
  const missing = startAnswering('no-such-program', []);
  assert.is(await codeOf(missing.ask(Buffer.from('x'))), 'TOOL_MISSING');
  const slow = perl('select undef, undef, undef, 0.2; $_');
  const first = slow.ask(Buffer.from('1'));
  assert.is(await codeOf(slow.ask(Buffer.from('2'))), 'TOOL_FAILED');
  assert.is((await first).toString(), '1');
  slow.end();
});

test('a late answer and an abort kill it', async () => {
  const late = perl('sleep 60; $_');
  const begun = performance.now();
  assert.is(await codeOf(late.ask(Buffer.from('x'), { timeoutMs: 100 })), 'TOOL_FAILED');
  assert.not.ok(late.alive());
  const aborted = perl('sleep 60; $_');
  const signal = AbortSignal.timeout(100);
  assert.is(await codeOf(aborted.ask(Buffer.from('x'), { signal })), 'TOOL_FAILED');
  assert.not.ok(aborted.alive());
  assert.ok(performance.now() - begun < 5_000);
});

test('idle it keeps nobody from ending, and ends with whoever started it', () => {
  const source = new URL('../../../src/exec/answering.ts', import.meta.url).href;
  const script = `
    import { startAnswering } from '${source}';
    const idle = startAnswering('perl', ['-e', '$| = 1; read STDIN, $_, 5; print pack("NN", 4, $$); 1 while <STDIN>']);
    const pid = await idle.ask(Buffer.from('x'));
    console.log(pid.readUInt32BE());`;
  const args = ['--input-type=module', '-e', script];
  const { stdout, status } = spawnSync(process.execPath, args, { timeout: 10_000 });
  assert.is(status, 0);
  const pid = Number(stdout.toString());
  assert.ok(pid > 0);
  const alive = spawnSync('sh', [
    '-c',
    `sleep 0.3; cat /proc/${String(pid)}/cmdline | tr '\\0' ' '`,
  ]);
  assert.not.match(alive.stdout.toString(), 'perl');
});

test.run();
