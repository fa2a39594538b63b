import { failureOf, run, type RunOptions } from '../../exec/run.ts';
import { CowherdError, type ErrorCode } from '../../model/errors.ts';
import { SUSPENDED_HINT, unlessSuspended } from './suspended.ts';

const TIMEOUT_MS = 2 * 60_000;
const MAX_LISTING_BYTES = 512 * 1024 * 1024;
const BAD_POOL_HINT =
  'zpool status -v tells which disk or which data is bad, dmesg what the disk said; restore what is damaged, zpool clear, then run it again';

interface ToolOptions extends Pick<RunOptions, 'timeoutMs'> {
  /** What is asked for need not exist: the rest is told. */
  readonly missingOk?: boolean;
}

export const NOT_THERE = /dataset does not exist|could not find any snapshots/i;

/** Runs `zfs`; gives its stdout. Throws TOOL_MISSING, and by its words NO_SPACE, PERMISSION_DENIED, IO_ERROR or TOOL_FAILED. */
export async function zfs(args: readonly string[], options: ToolOptions = {}): Promise<string> {
  return tool('zfs', args, options);
}

/** The same for `zpool`. */
export async function zpool(args: readonly string[], options: ToolOptions = {}): Promise<string> {
  return tool('zpool', args, options);
}

async function tool(file: string, args: readonly string[], options: ToolOptions): Promise<string> {
  const { missingOk = false, timeoutMs = TIMEOUT_MS } = options;
  const limits = { timeoutMs, maxOutputBytes: MAX_LISTING_BYTES };
  try {
    const result = await unlessSuspended(args, async (signal) =>
      run(file, args, { ...limits, signal, okExits: missingOk ? [1] : [] }),
    );
    const { exitCode, stdout, stderr } = result;
    const lines = stderr.split('\n').filter((line) => line !== '');
    if (exitCode !== 0 && !lines.every((line) => NOT_THERE.test(line)))
      throw failureOf({ file, args, code: undefined, timedOut: false, exitCode, stderr });
    return Buffer.from(stdout, 'latin1').toString('utf8');
  } catch (error) {
    throw told(error);
  }
}

interface Meaning {
  readonly words: RegExp;
  readonly code: ErrorCode;
  readonly hint: string;
}

/** EIO, ENXIO and ECKSUM (EBADE) in the words of libzfs, and of strerror(3) where it has none of its own. */
const BAD_POOL =
  /I\/O error|Input\/output error|Invalid exchange|pool is unavailable|devices? is currently unavailable|no valid replicas|insufficient replicas/i;

/** What OpenZFS says where its exit status is always 1 (libzfs_util.c, zfs_standard_error). */
const MEANINGS: readonly Meaning[] = [
  {
    words: /out of space|quota exceeded|would exceed|greater than available space/i,
    code: 'NO_SPACE',
    hint: 'free some space in this pool (zpool list), then run it again',
  },
  {
    words: /key (is )?not loaded|key must be loaded/i,
    code: 'IO_ERROR',
    hint: 'load its encryption key (zfs load-key), then run it again',
  },
  {
    words: /suspended/i,
    code: 'IO_ERROR',
    hint: SUSPENDED_HINT,
  },
  {
    words: BAD_POOL,
    code: 'IO_ERROR',
    hint: BAD_POOL_HINT,
  },
  {
    words: /dataset does not exist|no such pool|could not find any snapshots/i,
    code: 'IO_ERROR',
    hint: 'somebody destroyed, renamed or exported it meanwhile; run it again',
  },
  {
    words: /is busy/i,
    code: 'IO_ERROR',
    hint: 'something uses it: fuser -vm tells what, zfs holds and zfs get clones what else',
  },
  { words: /permission denied/i, code: 'PERMISSION_DENIED', hint: 'run it as root' },
];

/** The same error with the code that its words mean. */
export function told(error: unknown): unknown {
  if (!(error instanceof CowherdError)) return error;
  const said = error.details['stderr'];
  if (typeof said !== 'string') return error;
  const meaning = MEANINGS.find(({ words }) => words.test(said));
  if (meaning === undefined) return error;
  const { code, hint } = meaning;
  return new CowherdError(code, error.message, { hint, details: error.details, cause: error });
}

/** True when a tool failed with words that fit. */
export function says(error: unknown, words: RegExp): boolean {
  if (!(error instanceof CowherdError)) return false;
  const said = error.details['stderr'];
  return typeof said === 'string' && words.test(said);
}
