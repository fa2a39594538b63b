import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EMULATED } from './emulated.ts';

/** What a finished command left behind; `exitCode` is 128 + n when signal n ended it. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string;
  /** After this the child gets SIGKILL; default two minutes, ten where the machine is emulated. */
  readonly timeoutMs?: number;
}

const RUN_MS = EMULATED ? 600_000 : 120_000;
const UNTIL_MS = EMULATED ? 180_000 : 30_000;

/** Runs argv to its end and collects its output; never throws for an exit status. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { cwd: options.cwd, env: { ...process.env, ...options.env } });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? RUN_MS);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        exitCode: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      });
    });
  });
}

/** Like {@link run}, and a status other than 0 throws; returns stdout without its last newline. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.exitCode !== 0) {
    const said = (result.stderr || result.stdout).trim();
    throw new Error(`${argv.join(' ')}: exit ${String(result.exitCode)}: ${said}`);
  }
  return result.stdout.trimEnd();
}

/** Waits for ms milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks `probe` until it says something truthy; throws `what` when the time is over. */
export async function until<T>(
  what: string,
  probe: () => Promise<T> | T,
  { timeoutMs = UNTIL_MS, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${String(timeoutMs)} ms: ${what}`);
    await sleep(everyMs);
  }
}
