import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemCode } from '../../../src/model/errors.ts';
import { runTail } from '../../../src/exec/run-tail.ts';

test('exit code and output of both streams come back', async () => {
  const result = await runTail('sh', ['-c', 'echo out; echo err >&2; exit 3'], {
    timeoutMs: 5_000,
  });
  assert.is(result.exitCode, 3);
  assert.match(result.output, /out/);
  assert.match(result.output, /err/);
});

test('output without end is cut to its last bytes, and the whole family ends on time', async () => {
  const result = await runTail('sh', ['-c', 'yes & yes'], { timeoutMs: 300 });
  assert.is(result.timedOut, true);
  assert.is(result.exitCode, -1);
  assert.ok(result.output.length <= 4_096);
});

test('a background process that keeps the output open does not keep us', async () => {
  const result = await runTail('sh', ['-c', 'sleep 5 & echo done'], { timeoutMs: 60_000 });
  assert.equal(result, { exitCode: 0, timedOut: false, output: 'done\n' });
});

test('the environment is the fixed one and what is added', async () => {
  const { output } = await runTail('env', [], { timeoutMs: 5_000, env: { COWHERD_PHASE: 'pre' } });
  const names = output
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  assert.equal(names.toSorted(), ['COWHERD_PHASE', 'LC_ALL', 'PATH']);
});

test('a command that is not there is TOOL_MISSING', async () => {
  const code = await runTail('nonesuch', [], { timeoutMs: 100 }).catch((error: unknown) =>
    systemCode(error),
  );
  assert.is(code, 'TOOL_MISSING');
});

test.run();
