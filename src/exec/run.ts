import { existsSync } from 'node:fs';
import { BAD_DISK_HINT, CowherdError, READ_ONLY_HINT, type ErrorCode } from '../model/errors.ts';
import { boundedBy, GRACE_MS, leaveBehind, STUCK } from './bounded.ts';
import { untilQuiet } from './hush.ts';

export interface RunOptions {
  /** Written to the child's stdin, which is closed otherwise. */
  readonly input?: string | Uint8Array;
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
  /** Started at once, also while somebody is frozen: for him. */
  readonly urgent?: boolean;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_MS = 10 * 60_000;
const DEFAULT_MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const KEPT_STDERR = 2_000;

/**
 * Runs one tool to its end, without a shell, in the C locale, and gives its exit and output (stdout
 * as latin1, so that bytes of odd file names survive: `Buffer.from(text, 'latin1')`).
 * Throws TOOL_MISSING when it is not installed, TOOL_FAILED (or NO_SPACE, IO_ERROR, as it says) on any other exit.
 */
export async function run(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { execa } = await import('execa');
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  if (options.urgent !== true) await untilQuiet();
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
    stdio: [stdinOf(options), 'pipe', 'pipe', ...inherited(options.fds ?? [])],
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  const result = await boundedBy({ afterMs: timeoutMs + GRACE_MS, signal: options.signal }, child);
  if (result === STUCK) {
    leaveBehind(child);
    throw stuckFailure(file, args);
  }
  const stdout = typeof result.stdout === 'string' ? result.stdout : '';
  const stderr = typeof result.stderr === 'string' ? result.stderr : '';
  const exitCode = result.exitCode ?? -1;
  if (!result.failed || (options.okExits?.includes(exitCode) ?? false))
    return { exitCode, stdout, stderr };
  const { code, timedOut } = result;
  throw failureOf({ file, args, code, timedOut, exitCode, stderr, cwd: options.cwd });
}

function commandOf(
  file: string,
  args: readonly string[],
  { diesWithUs = false }: RunOptions,
): [string, readonly string[]] {
  return diesWithUs ? ['setpriv', ['--pdeathsig', 'KILL', '--', file, ...args]] : [file, args];
}

function stdinOf({ input }: RunOptions): 'ignore' | 'pipe' {
  return input === undefined ? 'ignore' : 'pipe';
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

/** What tools say in the C locale of a filesystem's state, whatever they were doing; with what to do about it. */
const SAID: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [
    /No space left on device|Disk quota exceeded/,
    'NO_SPACE',
    'free some space on this filesystem, then run it again',
  ],
  [/Read-only file system/, 'IO_ERROR', READ_ONLY_HINT],
  // The second is ECKSUM of OpenZFS (EBADE), the third what mount(8) says for EIO.
  [/Input\/output error|Invalid exchange|can't read superblock/, 'IO_ERROR', BAD_DISK_HINT],
];

/** The CowherdError for a tool that failed: TOOL_MISSING, NO_SPACE, IO_ERROR or TOOL_FAILED with the end of its stderr. */
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
  const [, code = 'TOOL_FAILED', hint = `the command was: ${[file, ...args].join(' ')}`] =
    SAID.find(([pattern]) => pattern.test(failure.stderr)) ?? [];
  return new CowherdError(code, `${file} ${how}: ${said}`, {
    hint,
    details: { exitCode, timedOut: failure.timedOut, stderr: said },
  });
}

/** The failure of a tool that was killed and left behind (`leaveBehind`). */
export function stuckFailure(file: string, args: readonly string[], stderr = ''): CowherdError {
  return failureOf({ file, args, code: undefined, timedOut: true, exitCode: -1, stderr });
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
  sync: 'coreutils',
  find: 'findutils',
  xargs: 'findutils',
  touch: 'coreutils',
  lsattr: 'e2fsprogs',
  getfattr: 'attr',
  setfattr: 'attr',
  zstd: 'zstd',
  tar: 'tar',
  rm: 'coreutils',
  chattr: 'e2fsprogs',
  cat: 'coreutils',
  tee: 'coreutils',
  head: 'coreutils',
  sort: 'coreutils',
  mkfifo: 'coreutils',
  sha256sum: 'coreutils',
  perl: 'perl',
};
