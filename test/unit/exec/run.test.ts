import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../../src/exec/run.ts';
import { CowherdError } from '../../../src/model/errors.ts';

test('a tool whose end does not come after its kill is left behind, and told', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-run-'));
  const note = join(directory, 'pid');
  // Whoever holds its output keeps it from ending, as a disk that does not answer would.
  const script = 'sleep 600 & echo $! >"$1"; wait';
  try {
    const outcome = await run('sh', ['-c', script, 'sh', note], { timeoutMs: 1_000 }).then(
      () => null,
      (error: unknown) => error,
    );
    const holder = Number(readFileSync(note, 'utf8'));
    assert.ok(process.kill(holder, 'SIGKILL'), 'it was waited for');
    assert.ok(outcome instanceof CowherdError);
    assert.is(outcome.code, 'TOOL_FAILED');
    assert.match(outcome.message, 'did not end in time');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test.run();
