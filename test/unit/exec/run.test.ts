import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { arm } from '../../../src/exec/armed.ts';
import { records } from '../../../src/exec/records.ts';
import { run } from '../../../src/exec/run.ts';
import { CowherdError } from '../../../src/model/errors.ts';

interface Given {
  directory: string;
  note: string;
}

const test = suite<Given>('tools whose end does not come after their kill');

/** Whoever holds a tool's output keeps it from ending, as a disk that does not answer would. */
const HOLDS_OUTPUT = 'setsid sleep 600 & echo $! >"$1"';
const WAITS = `${HOLDS_OUTPUT}; wait`;

test.before.each((given) => {
  given.directory = mkdtempSync(join(tmpdir(), 'cowherd-run-'));
  given.note = join(given.directory, 'pid');
});

test.after.each(({ directory }) => {
  rmSync(directory, { recursive: true, force: true });
});

test('one that is run is left behind, and told', async ({ note }) => {
  const ended = run('sh', ['-c', WAITS, 'sh', note], { timeoutMs: 1_000 });
  const { code, details } = await refusal(ended, note);
  assert.equal([code, details['timedOut']], ['TOOL_FAILED', true]);
});

test('so is one whose output is read record by record', async ({ note }) => {
  const source = records('sh', ['-c', WAITS, 'sh', note], { timeoutMs: 1_000 });
  const { code, details } = await refusal(source.next(), note);
  assert.equal([code, details['timedOut']], ['TOOL_FAILED', true]);
});

test('and one whose reading is aborted, with the reason', async ({ note }) => {
  const reason = new CowherdError('INTERRUPTED', 'interrupted');
  const abort = new AbortController();
  const source = records('sh', ['-c', WAITS, 'sh', note], { signal: abort.signal });
  const ended = source.next();
  setTimeout(() => {
    abort.abort(reason);
  }, 500);
  assert.is(await refusal(ended, note), reason);
});

test('and one whose consumer stops early', async ({ note }) => {
  const script = `${HOLDS_OUTPUT}; printf 'one\\0'; wait`;
  const source = records('sh', ['-c', script, 'sh', note]);
  assert.is((await source.next()).value?.toString(), 'one');
  await source.return();
  endHolder(note);
});

test('and one that was armed, when it is aborted', async ({ note }) => {
  const options = { file: 'sh', args: ['-c', WAITS, 'sh'], groupSize: 1, groups: 1 };
  const armed = await arm(options);
  const ended = armed.fire([[note]], AbortSignal.timeout(500));
  const { code, details } = await refusal(ended, note);
  assert.equal([code, details['timedOut']], ['TOOL_FAILED', true]);
});

test('what was left behind does not keep our own process from ending', async ({ note }) => {
  const exec = join(import.meta.dirname, '../../../src/exec');
  const script = `
    import { arm } from '${exec}/armed.ts';
    import { records } from '${exec}/records.ts';
    const script = 'setsid sleep 600 & echo $! >>"$1"; wait';
    const options = { file: 'sh', args: ['-c', script, 'sh'], groupSize: 1, groups: 1 };
    const note = ${JSON.stringify(note)};
    const armed = (await arm(options)).fire([[note]], AbortSignal.timeout(500));
    const read = records('sh', ['-c', script, 'sh', note], { timeoutMs: 500 }).next();
    const settled = await Promise.allSettled([armed, read]);
    process.exitCode = settled.filter(({ status }) => status === 'rejected').length;
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
  const [exitCode] = (await once(child, 'exit')) as [number];
  endHolder(note, 2);
  assert.is(exitCode, 2);
});

test.run();

/** What it was refused with while its holder was alive, which then is ended. */
async function refusal(ended: Promise<unknown>, note: string): Promise<CowherdError> {
  const outcome = await ended.then(
    () => null,
    (error: unknown) => error,
  );
  endHolder(note);
  assert.ok(outcome instanceof CowherdError);
  return outcome;
}

function endHolder(note: string, expected = 1): void {
  const holders = readFileSync(note, 'utf8').trim().split('\n').map(Number);
  assert.is(holders.length, expected);
  for (const holder of holders) assert.ok(process.kill(holder, 'SIGKILL'), 'it was waited for');
}
