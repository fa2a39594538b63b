import { once } from 'node:events';
import { execa } from 'execa';
import { CHILD_ENVIRONMENT, failureOf } from './run.ts';
import { keepTail } from './tail.ts';

export interface TailOptions {
  readonly timeoutMs: number;
  /** Added to the fixed child environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TailResult {
  /** -1 when it was killed or timed out. */
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** The last 4 KiB of stdout and stderr together. */
  readonly output: string;
}

const STREAM_GRACE_MS = 200;

/**
 * Runs a foreign command, however long its output, and keeps the end of it. On timeout its whole process group is killed;
 * a background process it leaves behind does not keep us waiting. Throws only when it cannot be started (TOOL_MISSING, TOOL_FAILED).
 */
export async function runTail(
  file: string,
  args: readonly string[],
  options: TailOptions,
): Promise<TailResult> {
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    all: true,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...CHILD_ENVIRONMENT, ...options.env },
    extendEnv: false,
  });
  const output = keepTail(child.all);
  const { pid } = child;
  if (pid === undefined) return notStarted(file, args, (await child).code);
  const state = { timedOut: false };
  const timer = setTimeout(() => {
    state.timedOut = true;
    killGroup(pid);
  }, options.timeoutMs);
  const [exitCode] = (await once(child.nodeChildProcess, 'exit')) as [number | null];
  clearTimeout(timer);
  await settle(child);
  const { timedOut } = state;
  return { exitCode: timedOut ? -1 : (exitCode ?? -1), timedOut, output: output() };
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
