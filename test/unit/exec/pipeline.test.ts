import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { pipeline, pipelineRecords, type PipelineOptions } from '../../../src/exec/pipeline.ts';
import type { Stage } from '../../../src/exec/stages.ts';
import { startTimeOf } from '../../../src/exec/liveness.ts';
import { CowherdError } from '../../../src/model/errors.ts';
import { until } from '../../support/lab/run.ts';

interface Given {
  directory: string;
  runtimeDir: string;
}

const test = suite<Given>('pipeline');

test.before.each((given) => {
  given.directory = mkdtempSync(join(tmpdir(), 'cowherd-pipeline-'));
  given.runtimeDir = join(given.directory, 'run');
});

test.after.each(({ directory, runtimeDir }) => {
  const left = existsSync(runtimeDir) ? readdirSync(runtimeDir) : [];
  rmSync(directory, { recursive: true, force: true });
  assert.equal(left, [], 'no FIFO stays');
});

const sh = (script: string, ...args: string[]): Stage => ({
  file: 'sh',
  args: ['-c', script, 'sh', ...args],
});
const CAT: Stage = { file: 'cat', args: [] };
const openFds = (): readonly string[] => readdirSync('/proc/self/fd').sort();

async function failure(stages: readonly Stage[], options: PipelineOptions): Promise<CowherdError> {
  const before = openFds().length;
  const error: unknown = await pipeline(stages, options).catch((thrown: unknown) => thrown);
  assert.instance(error, CowherdError);
  assert.ok(openFds().length <= before + 1, 'no descriptor stays open');
  return error as CowherdError;
}

const stagesOf = (error: CowherdError) =>
  error.details['stages'] as { tool: string; exitCode: number; signal?: string; stderr: string }[];

test('what the first writes comes out of the last', async ({ runtimeDir }) => {
  const { stdout, stages } = await pipeline(
    [sh('printf "b\\na\\n"; echo warned >&2'), { file: 'sort', args: [] }, CAT],
    { runtimeDir },
  );
  assert.is(stdout, 'a\nb\n');
  const ends = stages.map(({ exitCode, stderr }) => `${exitCode} ${stderr}`);
  assert.equal(ends, ['0 warned\n', '0 ', '0 ']);
});

test('the first reads from a descriptor and the last writes to one; both stay ours', async ({
  directory,
  runtimeDir,
}) => {
  writeFileSync(join(directory, 'in'), 'some bytes');
  const stdin = openSync(join(directory, 'in'), 'r');
  const stdout = openSync(join(directory, 'out'), 'w');
  const result = await pipeline([CAT, CAT], { runtimeDir, stdin, stdout });
  closeSync(stdin);
  closeSync(stdout);
  assert.is(result.stdout, '');
  assert.is(readFileSync(join(directory, 'out'), 'utf8'), 'some bytes');
});

test('one program alone is one too, and nothing is on its stdin', async ({ runtimeDir }) => {
  assert.is((await pipeline([sh('cat; echo done')], { runtimeDir })).stdout, 'done\n');
});

test('further descriptors are inherited, and exits that are answers are no failures', async ({
  directory,
  runtimeDir,
}) => {
  writeFileSync(join(directory, 'more'), 'more');
  const fd = openSync(join(directory, 'more'), 'r');
  const first = { ...sh('cat <&3; exit 7'), fds: [fd], okExits: [7] };
  assert.is((await pipeline([first, CAT], { runtimeDir })).stdout, 'more');
  closeSync(fd);
});

for (const failing of [0, 1, 2]) {
  test(`stage ${failing} of three fails alone: it is blamed, and all are told`, async ({
    runtimeDir,
  }) => {
    const stages = [0, 1, 2].map((at) =>
      sh(at === failing ? 'cat; echo broke >&2; exit 9' : 'cat'),
    );
    const error = await failure(stages, { runtimeDir });
    assert.is(error.code, 'TOOL_FAILED');
    assert.match(error.message, /exited 9: broke/);
    assert.equal(
      stagesOf(error).map(({ exitCode }) => exitCode),
      [0, 1, 2].map((at) => (at === failing ? 9 : 0)),
    );
  });
}

test('of several failures the most downstream is blamed', async ({ runtimeDir }) => {
  const stages = [sh('exit 3'), { ...sh('cat; exit 4'), tool: 'second' }, CAT];
  const { message, details } = await failure(stages, { runtimeDir });
  assert.match(message, /^second exited 4/);
  assert.is(details['exitCode'], 4);
});

test('those upstream that die of SIGPIPE are not to blame for it', async ({ runtimeDir }) => {
  const yes = { file: 'yes', args: [] };
  const error = await failure([yes, CAT, sh('read x; exit 5')], { runtimeDir });
  assert.match(error.message, /^sh exited 5/);
  assert.equal(
    stagesOf(error).map(({ signal }) => signal),
    ['SIGPIPE', 'SIGPIPE', undefined],
  );
  const middle = await failure([yes, sh('read x; exit 6'), CAT], { runtimeDir });
  assert.match(middle.message, /^sh exited 6/);
});

test('when the last ends happily before it has read all, what was cut off is a failure', async ({
  runtimeDir,
}) => {
  const stages = [
    { file: 'yes', args: [] },
    { file: 'head', args: ['-c', '10'] },
  ];
  const error = await failure(stages, { runtimeDir });
  assert.match(error.message, /^yes .*SIGPIPE/s);
});

for (const diesWithUs of [false, true]) {
  test(`a tool that is not installed is missing, wherever (dies with us: ${diesWithUs})`, async ({
    runtimeDir,
  }) => {
    const missing = { file: 'nonesuch', args: [] };
    for (const stages of [[missing, CAT], [CAT, missing], [missing], [CAT, missing, CAT]]) {
      const error = await failure(stages, { runtimeDir, diesWithUs });
      assert.is(error.code, 'TOOL_MISSING');
      assert.match(error.message, /nonesuch/);
    }
  });
}

test('a disk that is full is told as such', async ({ runtimeDir }) => {
  const stdout = openSync('/dev/full', 'w');
  const error = await failure([sh('echo x'), CAT], { runtimeDir, stdout });
  closeSync(stdout);
  assert.is(error.code, 'NO_SPACE');
});

test('also when much is said after it', async ({ runtimeDir }) => {
  const noise = 'echo "x: No space left on device" >&2; seq 10000 >&2; exit 2';
  const error = await failure([CAT, sh(noise)], { runtimeDir });
  assert.is(error.code, 'NO_SPACE');
  assert.ok(error.message.length < 10_000);
});

test('an abort ends all, with what they have started, and throws its reason', async ({
  directory,
  runtimeDir,
}) => {
  const note = join(directory, 'pid');
  const reason = new CowherdError('INTERRUPTED', 'interrupted');
  const abort = new AbortController();
  const script = 'sleep 600 & echo $! >"$1"; wait';
  const ended = failure([sh(script, note), CAT], { runtimeDir, signal: abort.signal });
  await until('it sleeps', () => existsSync(note) && readFileSync(note, 'utf8').endsWith('\n'));
  abort.abort(reason);
  assert.is(await ended, reason);
  const child = Number(readFileSync(note, 'utf8'));
  await until('the sleep has ended too', () => startTimeOf(child) === null);
  assert.is(await failure([CAT], { runtimeDir, signal: abort.signal }), reason);
});

test('so does the time', async ({ runtimeDir }) => {
  const begun = performance.now();
  const error = await failure([sh('sleep 600'), CAT], { runtimeDir, timeoutMs: 300 });
  assert.equal([error.code, error.details['timedOut']], ['TOOL_FAILED', true]);
  assert.ok(performance.now() - begun < 5_000);
});

test('what cannot be ended is left behind, and told', async ({ directory, runtimeDir }) => {
  const note = join(directory, 'pid');
  // Whoever holds the error output keeps it from ending, as a disk that does not answer would.
  const holds = sh('setsid sleep 600 & echo $! >"$1"; wait', note);
  const error = await failure([holds, CAT], { runtimeDir, timeoutMs: 500 });
  assert.ok(process.kill(Number(readFileSync(note, 'utf8')), 'SIGKILL'), 'it was waited for');
  assert.equal([error.code, error.details['timedOut']], ['TOOL_FAILED', true]);
});

test('more output than was asked for ends it', async ({ runtimeDir }) => {
  const error = await failure([{ file: 'yes', args: [] }, CAT], { runtimeDir, maxOutputBytes: 10 });
  assert.is(error.details['oversized'], true);
});

test('300 MB pass without passing through this process', async ({ directory, runtimeDir }) => {
  const stdout = openSync(join(directory, 'out'), 'w');
  const before = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const zeros = { file: 'head', args: ['-c', '300000000', '/dev/zero'] };
  await pipeline([zeros, CAT, CAT], { runtimeDir, stdout });
  clearInterval(watch);
  closeSync(stdout);
  assert.is(statSync(join(directory, 'out')).size, 300_000_000);
  assert.ok(peak - before < 30 * 1024 * 1024, `${peak - before} bytes more`);
});

test('records of the last stage come as they are; a failure follows the good ones', async ({
  runtimeDir,
}) => {
  const collect = async (stages: readonly Stage[]) => {
    const found: string[] = [];
    for await (const one of pipelineRecords(stages, { runtimeDir })) found.push(one.toString());
    return found;
  };
  assert.equal(await collect([sh('printf "a\\0b\\0"'), CAT]), ['a', 'b']);
  const bad = await collect([sh('printf "a\\0"; exit 3'), CAT]).catch((error: unknown) => error);
  assert.is((bad as CowherdError).code, 'TOOL_FAILED');
});

test('a consumer of records that stops ends all stages', async ({ runtimeDir }) => {
  const yes = { file: 'yes', args: [] };
  for await (const one of pipelineRecords([yes, CAT], { runtimeDir, separator: 10 })) {
    assert.is(one.toString(), 'y');
    break;
  }
});

test.run();
