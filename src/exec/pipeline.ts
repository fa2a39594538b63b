import { CowherdError } from '../model/errors.ts';
import { boundedBy, GRACE_MS, STUCK } from './bounded.ts';
import { eachInTime, patience } from './patience.ts';
import { split, type RecordOptions } from './records.ts';
import { failureOf, stuckFailure } from './run.ts';
import {
  startStages,
  type Stage,
  type StageEnd,
  type StageOptions,
  type Stages,
} from './stages.ts';

export interface PipelineOptions extends StageOptions {
  /** All stages are killed after this time: TOOL_FAILED with `details.timedOut`. Default 10 min. */
  readonly timeoutMs?: number;
  /** Kills all stages when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Output that is collected beyond this ends all; default 64 KiB. */
  readonly maxOutputBytes?: number;
}

export interface PipelineResult {
  /** What the last stage wrote, as latin1; empty where it was given a `stdout`. */
  readonly stdout: string;
  readonly stages: readonly StageEnd[];
}

const DEFAULT_TIMEOUT_MS = 10 * 60_000;
const DEFAULT_MAX_OUTPUT_BYTES = 64 * 1024;

/**
 * Runs programs whose stdouts and stdins are joined by kernel pipes to the end of all of them, without a shell. Succeeds only
 * when every stage did; otherwise the most downstream one that failed by itself (not by SIGPIPE) is blamed, and `details.stages` tells of all.
 * Throws TOOL_MISSING, TOOL_FAILED, NO_SPACE, or the reason of an abort.
 */
export async function pipeline(
  stages: readonly Stage[],
  options: PipelineOptions,
): Promise<PipelineResult> {
  options.signal?.throwIfAborted();
  const running = await startStages(stages, options);
  const output = collect(running, options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES);
  const watch = killInTime(running, options);
  try {
    const bound = { afterMs: watch.timeoutMs + GRACE_MS, signal: options.signal };
    const ends = await boundedBy(bound, running.ended);
    options.signal?.throwIfAborted();
    if (ends === STUCK) throw stuck(stages, running);
    if (output.isTooLong()) throw tooLong(stages);
    expectSuccess(ends, watch.timedOut());
    return { stdout: output.text(), stages: ends };
  } finally {
    watch.end();
    running.leave();
  }
}

/**
 * The same, with the last stage's stdout record by record, as `records` has it: in bounded memory, the stages wait while the
 * consumer does, and a consumer that stops early ends them.
 */
export async function* pipelineRecords(
  stages: readonly Stage[],
  options: Omit<PipelineOptions, 'stdout'> & RecordOptions,
): AsyncGenerator<Buffer, void> {
  options.signal?.throwIfAborted();
  const running = await startStages(stages, options);
  const watch = killInTime(running, options);
  const inTime = patience(options.signal, watch.timeoutMs, () => stuck(stages, running));
  try {
    if (running.output !== null) yield* split(eachInTime(running.output, inTime), options);
    const ends = await inTime(running.ended);
    options.signal?.throwIfAborted();
    expectSuccess(ends, watch.timedOut());
  } finally {
    watch.end();
    running.kill();
    running.output?.destroy();
    await boundedBy({ afterMs: GRACE_MS }, running.ended);
    running.leave();
  }
}

interface Watch {
  readonly timeoutMs: number;
  readonly timedOut: () => boolean;
  readonly end: () => void;
}

function killInTime(running: Stages, { timeoutMs, signal }: PipelineOptions): Watch {
  const ms = timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    running.kill();
  }, ms);
  signal?.addEventListener('abort', running.kill, { once: true });
  if (signal?.aborted === true) running.kill();
  return {
    timeoutMs: ms,
    timedOut: () => isLate,
    end: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', running.kill);
    },
  };
}

function collect(running: Stages, maxBytes: number) {
  const chunks: Buffer[] = [];
  let length = 0;
  running.output?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) running.kill();
    else chunks.push(chunk);
  });
  running.output?.on('error', () => undefined);
  return {
    text: () => Buffer.concat(chunks).toString('latin1'),
    isTooLong: () => length > maxBytes,
  };
}

function expectSuccess(ends: readonly StageEnd[], timedOut: boolean): void {
  const failed = ends.filter((end) => end.failed);
  const blamed = failed.findLast(({ signal }) => signal !== 'SIGPIPE') ?? failed.at(-1);
  if (blamed === undefined) return;
  const error = failureOf({ ...failureIn(blamed), timedOut });
  throw withStages(error, ends);
}

function failureIn({ stage, code, exitCode, stderr, signal }: StageEnd) {
  const said = signal === undefined ? stderr : `${stderr}\nended by ${signal}`;
  const { args, cwd, file, tool = file } = stage;
  return { file: tool, args, code, exitCode, stderr: said, cwd };
}

function withStages(error: CowherdError, ends: readonly StageEnd[]): CowherdError {
  const stages = ends.map(({ stage, exitCode, signal, stderr }) => ({
    tool: stage.tool ?? stage.file,
    exitCode,
    ...(signal === undefined ? {} : { signal }),
    stderr,
  }));
  const { code, message, hint, details } = error;
  return new CowherdError(code, message, { hint, details: { ...details, stages } });
}

function stuck(stages: readonly Stage[], running: Stages): CowherdError {
  const said = running.stderrs().join('\n');
  return stuckFailure(stages.map(({ file, tool }) => tool ?? file).join(' | '), [], said);
}

function tooLong(stages: readonly Stage[]): CowherdError {
  const { file = '', tool = file } = stages.at(-1) ?? {};
  return new CowherdError('TOOL_FAILED', `${tool} wrote more than it was asked for`, {
    details: { oversized: true },
  });
}
