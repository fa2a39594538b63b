import { once } from 'node:events';
import { boundedBy, GRACE_MS, leaveBehind, STUCK } from './bounded.ts';
import { CHILD_ENVIRONMENT, failureOf } from './run.ts';
import { keepTail } from './tail.ts';

export interface TailOptions {
  readonly timeoutMs: number;
  /** Added to the fixed child environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its stdin, which is closed otherwise. */
  readonly input?: string;
  /** Its whole process group is killed when it aborts. */
  readonly signal?: AbortSignal;
}

export interface TailResult {
  /** -1 when it was killed, aborted or timed out. */
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** The last 4 KiB of stdout and stderr together. */
  readonly output: string;
}

const STREAM_GRACE_MS = 200;

/**
 * Runs a foreign command, however long its output, and keeps the end of it. On timeout its whole process group is killed, and
 * left behind when it cannot be; a background process it leaves does not keep us waiting. Throws only when it cannot be started
 * (TOOL_MISSING, TOOL_FAILED).
 */
export async function runTail(
  file: string,
  args: readonly string[],
  options: TailOptions,
): Promise<TailResult> {
  const { execa } = await import('execa');
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    all: true,
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...CHILD_ENVIRONMENT, ...options.env },
    extendEnv: false,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  const output = keepTail(child.all);
  const { pid } = child;
  if (pid === undefined) return notStarted(file, args, (await child).code);
  const exit = once(child.nodeChildProcess, 'exit') as Promise<[number | null]>;
  const ended = await exitWithin(options, pid, exit);
  if (ended === STUCK) leaveBehind(child);
  else await settle(child);
  if (ended === STUCK || ended.timedOut) return { exitCode: -1, timedOut: true, output: output() };
  return { exitCode: ended.exitCode ?? -1, timedOut: false, output: output() };
}

interface Ended {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
}

/** How a process group's leader ends, of itself or killed with its group when its time is up; STUCK when neither helps. */
async function exitWithin(
  { timeoutMs, signal }: TailOptions,
  pid: number,
  exit: Promise<[number | null]>,
): Promise<Ended | typeof STUCK> {
  const state = { timedOut: false };
  const timer = setTimeout(() => {
    state.timedOut = true;
    killGroup(pid);
  }, timeoutMs);
  const aborted = (): void => {
    killGroup(pid);
  };
  if (signal?.aborted === true) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  const ended = await boundedBy({ afterMs: timeoutMs + GRACE_MS, signal }, exit);
  signal?.removeEventListener('abort', aborted);
  clearTimeout(timer);
  return ended === STUCK ? STUCK : { exitCode: ended[0], timedOut: state.timedOut };
}

function notStarted(file: string, args: readonly string[], code: string | undefined): never {
  throw failureOf({
    file,
    args,
    code,
    timedOut: false,
    exitCode: -1,
    stderr: code ?? 'could not be started',
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended by itself in this moment
  }
}

/** Waits for the rest of the output, but not for a background process that holds the pipes open. */
async function settle(
  child: PromiseLike<unknown> & { stdout: { destroy(): unknown }; stderr: { destroy(): unknown } },
): Promise<void> {
  const impatient = setTimeout(() => {
    child.stdout.destroy();
    child.stderr.destroy();
  }, STREAM_GRACE_MS);
  await child;
  clearTimeout(impatient);
}
