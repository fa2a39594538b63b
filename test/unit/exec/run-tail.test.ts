import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
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

/** `[prctl, ptrace]` by architecture. */
const SYSCALLS: Readonly<Record<string, readonly [number, number]>> = {
  x64: [157, 101],
  arm64: [167, 117],
};

/**
 * A process whose end nobody is told of, as of one that waits for a disk: a tracer (PTRACE_SEIZE) in a group of its own holds
 * its exit back (ptrace(2), wait(2)). PR_SET_PTRACER lets a child do that where Yama forbids it.
 */
const UNREAPED = `
  my ($prctl, $ptrace, $note) = @ARGV;
  $| = 1;
  syscall($prctl, 0x59616d61, -1, 0, 0, 0);
  if (fork) { print "waiting"; sleep 600 }
  setpgrp;
  syscall($ptrace, 0x4206, getppid, 0, 0) == 0 or die "ptrace: $!";
  open my $file, ">", $note;
  print $file $$;
  close $file;
  sleep 600`;

test('a command whose end does not come after its kill is left behind, as one that was too late', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-run-tail-'));
  const note = join(directory, 'pid');
  const numbers = (SYSCALLS[process.arch] ?? []).map(String);
  try {
    const ended = runTail('perl', ['-e', UNREAPED, ...numbers, note], { timeoutMs: 1_000 });
    const late = new Promise((resolve) => setTimeout(resolve, 15_000, 'still waited for'));
    const result = await Promise.race([ended, late]);
    assert.ok(process.kill(Number(readFileSync(note, 'utf8')), 'SIGKILL'), 'it was held');
    assert.equal(result, { exitCode: -1, timedOut: true, output: 'waiting' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
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
