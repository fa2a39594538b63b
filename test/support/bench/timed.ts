import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';

const PEAK = join(import.meta.dirname, 'peak.ts');

/** Milliseconds from the start of `node ARGS` to its end, its output thrown away. Throws for a status but 0. */
export async function nodeMs(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const begun = performance.now();
  await ended(spawn(process.execPath, args, { env, stdio: 'ignore' }), args);
  return performance.now() - begun;
}

/** The most memory (MiB) that the same has had resident. */
export async function nodePeakMib(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const child = spawn(process.execPath, ['--import', PEAK, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const [said] = await Promise.all([text(child.stdio[3] as Readable), ended(child, args)]);
  return Number(said) / 1024;
}

async function ended(child: ChildProcess, args: readonly string[]): Promise<void> {
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`node ${args.join(' ')}: exit ${String(code)}`);
}
