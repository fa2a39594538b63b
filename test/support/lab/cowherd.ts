import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { run, type RunOptions, type RunResult } from './run.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
const MAIN = join(REPOSITORY, 'src/main.ts');

/** A finished `cowherd` command. */
export interface CowherdResult<T = unknown> extends RunResult {
  /** stdout as the one JSON document it should be; throws, with all that was said, when it is not. */
  readonly json: T;
}

/** Runs the checkout's `cowherd` with this configuration file. */
export async function runCowherd<T>(
  config: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CowherdResult<T>> {
  const env = { COWHERD_CONFIG: config, ...options.env };
  const result = await run([process.execPath, MAIN, ...args], { ...options, env });
  // Not enumerable: whoever prints a result must not trip over it.
  const json = { get: () => parse(args, result) };
  return Object.defineProperty({ ...result }, 'json', json) as CowherdResult<T>;
}

/** The same as a child process, for tests that kill it midway. */
export function spawnCowherd(config: string, args: readonly string[]): ChildProcess {
  const env = { ...process.env, COWHERD_CONFIG: config };
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
