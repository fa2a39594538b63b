import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { followLines } from './follow.ts';

/** How a child process ended and what it said (stdout and stderr as they came). */
export interface ChildResult {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly output: string;
  readonly durationMs: number;
}

export interface ChildOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** A file to be used for the output; what a child leaves behind cannot hold a pipe open. */
  readonly log: string;
  readonly signal: AbortSignal;
  /** Gets the output while it comes. */
  readonly onLine?: (line: string) => void;
}

/** Runs argv in a process group of its own, which ends with it, with the timeout or the signal. */
export function runChild(argv: readonly string[], options: ChildOptions): Promise<ChildResult> {
  const [file = '', ...args] = argv;
  const begin = performance.now();
  const log = openSync(options.log, 'w', 0o600);
  const { cwd, env, signal } = options;
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const unfollow = followLines(options.log, options.onLine);
  let timedOut = false;
  const end = () => {
    endGroup(child.pid);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, options.timeoutMs);
  signal.addEventListener('abort', end);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (exitCode) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      end();
      unfollow();
      const output = readFileSync(options.log, 'utf8');
      rmSync(options.log);
      resolve({ exitCode, timedOut, output, durationMs: performance.now() - begin });
    });
  });
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // nobody left in it
  }
}
