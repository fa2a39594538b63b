import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, type RunOptions, type RunResult } from './run.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
const [SOURCE, BUILT] = [join(REPOSITORY, 'src/main.ts'), join(REPOSITORY, 'dist/main.js')];
/** The program: as it was built, which starts in a quarter of the time, where nothing of what it is made of is newer; else its source. */
export const MAIN = isUpToDate() ? BUILT : SOURCE;
/** What the program starts as its guard. */
export const GUARD = join(dirname(MAIN), MAIN === BUILT ? 'guard.js' : 'guard.ts');

function isUpToDate(): boolean {
  const built = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(REPOSITORY, 'src'), { recursive: true, encoding: 'utf8' });
  const parts = ['src', 'scripts/build.ts', 'scripts/bundle', 'package-lock.json'];
  return [...parts, ...sources.map((name) => join('src', name))].every(
    (name) => statSync(join(REPOSITORY, name)).mtimeMs < built,
  );
}

/** A finished `cowherd` command. */
export interface CowherdResult<T = unknown> extends RunResult {
  /** stdout as the one JSON document it should be; throws, with all that was said, when it is not. */
  readonly json: T;
}

export interface CowherdOptions extends RunOptions {
  /** A command that starts it, as unshare(1). */
  readonly within?: readonly string[];
}

/** Runs the checkout's `cowherd` with this configuration file. */
export async function runCowherd<T>(
  config: string,
  args: readonly string[],
  { within = [], ...options }: CowherdOptions = {},
): Promise<CowherdResult<T>> {
  const env = { COWHERD_CONFIG: config, ...options.env };
  const result = await run([...within, process.execPath, MAIN, ...args], { ...options, env });
  // Not enumerable: whoever prints a result must not trip over it.
  const json = { get: () => parse(args, result) };
  return Object.defineProperty({ ...result }, 'json', json) as CowherdResult<T>;
}

/** The same as a child process, for tests that kill it midway. */
export function spawnCowherd(
  config: string,
  args: readonly string[],
  added: Readonly<Record<string, string>> = {},
): ChildProcess {
  const env = { ...process.env, ...added, COWHERD_CONFIG: config };
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

function parse(args: readonly string[], result: RunResult): unknown {
  try {
    return JSON.parse(result.stdout);
  } catch (cause) {
    const said = `exit ${String(result.exitCode)}\n${result.stdout}\n${result.stderr}`;
    throw new Error(`cowherd ${args.join(' ')}: stdout is not JSON: ${said}`, { cause });
  }
}
