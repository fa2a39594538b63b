import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { CowherdError } from '../model/errors.ts';

export interface RunOptions {
  /** Written to the child's stdin, which is closed otherwise. */
  readonly input?: string;
  readonly cwd?: string;
  /** The child is killed (SIGKILL) after this time; the run then fails with TOOL_FAILED. */
  readonly timeoutMs?: number;
  /** Exit codes that are an answer, not a failure; default only 0. */
  readonly okExits?: readonly number[];
  /** Output beyond this ends the child; default 16 MiB. */
  readonly maxOutputBytes?: number;
  /** Descriptors the child inherits as 3, 4, … */
  readonly fds?: readonly number[];
  /** Ends the child when it aborts. */
  readonly signal?: AbortSignal;
  /** The kernel kills the child when we are killed (prctl(2), PR_SET_PDEATHSIG): for long work that a recovery would meet. */
  readonly diesWithUs?: boolean;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_MS = 10 * 60_000;
/** Between the kill and the end of waiting for it. */
const GRACE_MS = 10_000;
const DEFAULT_MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const KEPT_STDERR = 2_000;

/**
 * Runs one tool to its end, without a shell, in the C locale, and gives its exit and output (stdout
 * as latin1, so that bytes of odd file names survive: `Buffer.from(text, 'latin1')`).
 * Throws TOOL_MISSING when it is not installed, TOOL_FAILED (or NO_SPACE, as it says) on any other exit.
 */
export async function run(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const child = execa(...commandOf(file, args, options), {
    reject: false,
    stripFinalNewline: false,
    encoding: 'latin1',
    env: CHILD_ENVIRONMENT,
    extendEnv: false,
    maxBuffer: options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    // A session of its own: Ctrl-C on the terminal is for us to answer, not for a tool half way through its work.
    detached: true,
    stdio: [
      options.input === undefined ? 'ignore' : 'pipe',
      'pipe',
      'pipe',
      ...inherited(options.fds ?? []),
    ],
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  const result = await boundedBy(timeoutMs + GRACE_MS, child);
  if (result === STUCK)
    throw failureOf({ file, args, code: undefined, timedOut: true, exitCode: -1, stderr: '' });
  const stdout = typeof result.stdout === 'string' ? result.stdout : '';
  const stderr = typeof result.stderr === 'string' ? result.stderr : '';
  const exitCode = result.exitCode ?? -1;
  if (!result.failed || (options.okExits?.includes(exitCode) ?? false))
    return { exitCode, stdout, stderr };
  const { code, timedOut } = result;
  throw failureOf({ file, args, code, timedOut, exitCode, stderr, cwd: options.cwd });
}

const STUCK = Symbol('stuck');

interface Leavable {
  readonly stdout: { destroy(): unknown } | null;
  readonly stderr: { destroy(): unknown } | null;
  unref?(): unknown;
}

/**
 * A child's result, or STUCK when it is there still some time after it was killed: one that waits for a disk (state D) cannot be,
 * and is left behind, so that locks are released and everything else goes on.
 */
async function boundedBy<T>(
  afterMs: number,
  child: Promise<T> & Leavable,
): Promise<T | typeof STUCK> {
  const over = new AbortController();
  const late = setTimeout(afterMs, STUCK, { ref: false, signal: over.signal }).catch(() => STUCK);
  const result = await Promise.race([child, late]);
  over.abort();
  if (result === STUCK) {
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.unref?.();
  }
  return result as T | typeof STUCK;
}

function commandOf(
  file: string,
  args: readonly string[],
  { diesWithUs = false }: RunOptions,
): [string, readonly string[]] {
  return diesWithUs ? ['setpriv', ['--pdeathsig', 'KILL', '--', file, ...args]] : [file, args];
}

/** execa takes any descriptor here; its types name only the first few. */
function inherited(fds: readonly number[]): readonly 3[] {
  return fds as readonly 3[];
}

/** What a child sees of the environment: a safe PATH and the C locale, nothing inherited. */
export const CHILD_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

export interface ToolFailure {
  readonly file: string;
  readonly args: readonly string[];
  readonly code: string | undefined;
  readonly timedOut: boolean;
  readonly exitCode: number;
  readonly stderr: string;
  readonly cwd?: string | undefined;
}

/** The CowherdError for a tool that failed: TOOL_MISSING, NO_SPACE or TOOL_FAILED with the end of its stderr. */
export function failureOf(failure: ToolFailure): CowherdError {
  const { file, args, exitCode } = failure;
  if (failure.code === 'ENOENT' && failure.cwd !== undefined && !existsSync(failure.cwd)) {
    return new CowherdError('IO_ERROR', `${failure.cwd} does not exist`, {
      hint: `the command was: ${[file, ...args].join(' ')}`,
    });
  }
  if (failure.code === 'ENOENT') {
    return new CowherdError('TOOL_MISSING', `${file} is not installed`, {
      hint: `install ${PACKAGES[file] ?? file} with the system's package manager`,
    });
  }
  const said = Buffer.from(failure.stderr.trim().slice(-KEPT_STDERR), 'latin1').toString('utf8');
  const how = failure.timedOut ? 'did not end in time' : `exited ${String(exitCode)}`;
  const full = /No space left on device|Disk quota exceeded/.test(said);
  return new CowherdError(full ? 'NO_SPACE' : 'TOOL_FAILED', `${file} ${how}: ${said}`, {
    hint: full
      ? 'free some space on this filesystem, then run it again'
      : `the command was: ${[file, ...args].join(' ')}`,
    details: { exitCode, timedOut: failure.timedOut, stderr: said },
  });
}

const PACKAGES: Readonly<Record<string, string>> = {
  btrfs: 'btrfs-progs',
  zfs: 'zfsutils-linux',
  zpool: 'zfsutils-linux',
  sqlite3: 'sqlite3',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  prlimit: 'util-linux',
  flock: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  cp: 'coreutils',
  b2sum: 'coreutils',
  sync: 'coreutils',
  find: 'findutils',
  xargs: 'findutils',
  touch: 'coreutils',
  lsattr: 'e2fsprogs',
  chattr: 'e2fsprogs',
  cat: 'coreutils',
};
