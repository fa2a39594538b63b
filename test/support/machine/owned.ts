import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** Argv of a program that gets SIGKILL when the thread that starts it ends, prctl(2). */
export function owned(argv: readonly string[]): string[] {
  return ['setpriv', '--pdeathsig', 'KILL', ...argv];
}

/** Runs argv, its output going to `log`, and ends it with us or after limitMs; its status or signal. */
export async function runOwned(
  argv: readonly string[],
  log: string,
  limitMs: number,
): Promise<number | string> {
  const [file = '', ...args] = owned(argv);
  const output = openSync(log, 'a', 0o600);
  const child = spawn(file, args, { stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        resolve(code ?? signal ?? 'unknown');
      });
    });
  } finally {
    clearTimeout(timer);
  }
}
