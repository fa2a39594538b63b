import { once } from 'node:events';
import type { execa as Execa } from 'execa';
import { untilQuiet } from './hush.ts';
import { CHILD_ENVIRONMENT, failureOf } from './run.ts';
import { keepTail } from './tail.ts';

export interface Held {
  readonly pid: number;
  /** False as soon as the child has ended, however it did. */
  readonly alive: () => boolean;
  /** Closes the child's stdin, kills it if that does not end it (2 s), resolves when it is gone. Never throws. */
  readonly release: () => Promise<void>;
}

export interface HoldOptions {
  /** Working directory; `/proc/self/fd/N` gives a directory we hold open. */
  readonly cwd: string;
  /** Time it may take to answer first; default 10 s. */
  readonly readyTimeoutMs?: number;
}

const READY_TIMEOUT_MS = 10_000;
const GRACE_MS = 2_000;

/**
 * Starts a child that lives as long as its stdin is open (`… cat`): it ends with us, also when we are killed. Resolves
 * when it has echoed one line, so whatever comes before `cat` in its argv is done. Throws TOOL_MISSING or TOOL_FAILED.
 */
export async function hold(
  file: string,
  args: readonly string[],
  options: HoldOptions,
): Promise<Held> {
  const { execa } = await import('execa');
  await untilQuiet();
  const child = start(execa, [file, ...args], options.cwd);
  const stderr = keepTail(child.stderr);
  const state = { ended: false, timedOut: false };
  const end = child.then((result) => {
    state.ended = true;
    return result;
  });
  const ready = await answers(child, options.readyTimeoutMs ?? READY_TIMEOUT_MS, () => {
    state.timedOut = true;
  });
  const { pid } = child;
  if (ready && pid !== undefined) {
    return { pid, alive: () => !state.ended, release: () => release(child) };
  }
  const { code, exitCode } = await end;
  const { timedOut } = state;
  throw failureOf({ file, args, code, timedOut, exitCode: exitCode ?? -1, stderr: stderr() });
}

type Child = ReturnType<typeof start>;

function start(execa: typeof Execa, [file = '', ...args]: readonly string[], cwd: string) {
  return execa(file, args, {
    reject: false,
    buffer: false,
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd,
    env: CHILD_ENVIRONMENT,
    extendEnv: false,
    killSignal: 'SIGKILL',
  });
}

/** True when the child echoes a line, false when it ends instead; killed when it does neither in time. */
async function answers(child: Child, timeoutMs: number, onTimeout: () => void): Promise<boolean> {
  const timer = setTimeout(() => {
    onTimeout();
    child.kill();
  }, timeoutMs);
  child.stdin.on('error', () => undefined); // it may have ended: that is seen below
  child.stdin.write('\n');
  const echo = once(child.stdout, 'data').then(
    () => true,
    () => false,
  );
  const ready = await Promise.race([echo, child.then(() => false)]);
  clearTimeout(timer);
  child.stdout.resume();
  return ready;
}

async function release(child: Child): Promise<void> {
  const force = setTimeout(() => child.kill(), GRACE_MS);
  child.stdin.end();
  await child;
  clearTimeout(force);
}
