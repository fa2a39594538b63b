import { once } from 'node:events';
import { execa } from 'execa';
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
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: CHILD_ENVIRONMENT,
    extendEnv: false,
    killSignal: 'SIGKILL',
  });
  const stderr = keepTail(child.stderr);
  child.stdin.on('error', () => undefined);
  let ended = false;
  const end = child.then((result) => ((ended = true), result));
  let timedOut = false;
  const kill = setTimeout(
    () => ((timedOut = true), child.kill()),
    options.readyTimeoutMs ?? READY_TIMEOUT_MS,
  );
  child.stdin.write('\n');
  const answered = once(child.stdout, 'data').then(
    () => true,
    () => false,
  );
  const ready = await Promise.race([answered, end.then(() => false)]);
  clearTimeout(kill);
  child.stdout.resume();
  const { pid } = child;
  if (ready && pid !== undefined) return { pid, alive: () => !ended, release };
  const { code, exitCode } = await end;
  throw failureOf({ file, args, code, timedOut, exitCode: exitCode ?? -1, stderr: stderr() });

  async function release(): Promise<void> {
    const force = setTimeout(() => child.kill(), GRACE_MS);
    child.stdin.end();
    await end;
    clearTimeout(force);
  }
}
