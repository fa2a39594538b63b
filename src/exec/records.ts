import { execa } from 'execa';
import { CowherdError } from '../model/errors.ts';
import { CHILD_ENVIRONMENT, failureOf } from './run.ts';
import { keepTail } from './tail.ts';

export interface RecordOptions {
  /** The byte that ends a record; default NUL. */
  readonly separator?: number;
  /** A longer record ends the child and throws TOOL_FAILED with `details.oversized`; default 1 MiB. */
  readonly maxRecordBytes?: number;
  /** The child is killed after this time; TOOL_FAILED with `details.timedOut`. Default 10 min. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

const DEFAULT_MAX_RECORD_BYTES = 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10 * 60_000;

/**
 * A tool's stdout, record by record as it comes, in bounded memory: the child waits while the consumer does.
 * A record is a view of its chunk (copy what is kept); bytes after the last separator are none. Stopping early ends
 * the child. Throws TOOL_MISSING, and TOOL_FAILED on any exit but 0.
 */
export async function* records(
  file: string,
  args: readonly string[],
  options: RecordOptions = {},
): AsyncGenerator<Buffer, void> {
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: CHILD_ENVIRONMENT,
    extendEnv: false,
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const stderr = keepTail(child.stderr);
  try {
    yield* split(child.stdout, options);
    const { failed, code, timedOut, exitCode } = await child;
    if (failed)
      throw failureOf({ file, args, code, timedOut, exitCode: exitCode ?? -1, stderr: stderr() });
  } finally {
    child.kill('SIGKILL');
    await child;
  }
}

/** Cuts chunks at the separator; yields views, carries what is unfinished over to the next chunk. */
export async function* split(
  chunks: AsyncIterable<Buffer>,
  options: RecordOptions = {},
): AsyncGenerator<Buffer, void> {
  const { separator = 0, maxRecordBytes = DEFAULT_MAX_RECORD_BYTES } = options;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(separator); end !== -1; end = bytes.indexOf(separator, start)) {
      yield bytes.subarray(start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > maxRecordBytes) throw oversized(maxRecordBytes);
  }
}

function oversized(maxRecordBytes: number): CowherdError {
  return new CowherdError(
    'TOOL_FAILED',
    `a record of the tool's output is longer than ${String(maxRecordBytes)} bytes`,
    {
      details: { oversized: true },
    },
  );
}
