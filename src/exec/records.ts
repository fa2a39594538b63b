import { CowherdError } from '../model/errors.ts';
import { boundedBy, GRACE_MS, leaveBehind, STUCK } from './bounded.ts';
import { eachInTime, patience } from './patience.ts';
import { CHILD_ENVIRONMENT, failureOf, stuckFailure } from './run.ts';
import { keepTail } from './tail.ts';

export interface RecordOptions {
  /** The byte that ends a record; default NUL. */
  readonly separator?: number;
  /** A longer record ends the child and throws TOOL_FAILED with `details.oversized`; default 1 MiB. */
  readonly maxRecordBytes?: number;
  /** The child is killed after this time, and left behind when it cannot be; TOOL_FAILED with `details.timedOut`. Default 10 min. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  /** Exit codes that are an answer, not a failure; default only 0. */
  readonly okExits?: readonly number[];
  /** Ends the child when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal;
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
  const { execa } = await import('execa');
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: CHILD_ENVIRONMENT,
    extendEnv: false,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  const stderr = keepTail(child.stderr);
  let graceMs = GRACE_MS;
  const inTime = patience(options.signal, timeoutMs, () => {
    graceMs = 0;
    return stuckFailure(file, args, stderr());
  });
  try {
    yield* split(eachInTime(child.stdout, inTime), options);
    const { failed, code, timedOut, exitCode } = await inTime(child);
    options.signal?.throwIfAborted();
    if (failed && !(options.okExits ?? []).includes(exitCode ?? -1))
      throw failureOf({
        ...{ file, args, code, timedOut, exitCode: exitCode ?? -1, stderr: stderr() },
        cwd: options.cwd,
      });
  } finally {
    child.kill('SIGKILL');
    child.stdout.destroy();
    if ((await boundedBy({ afterMs: graceMs }, child)) === STUCK) leaveBehind(child);
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
