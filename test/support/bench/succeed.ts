import type { CowherdResult } from '../lab/cowherd.ts';
import type { Lab } from '../lab/lab.ts';

/** A cowherd command that has to succeed; throws with what it said. */
export async function succeed<T>(lab: Lab, args: readonly string[]): Promise<CowherdResult<T>> {
  const result = await lab.cowherd<T>(args);
  if (result.exitCode === 0) return result;
  throw new Error(`cowherd ${args.join(' ')}: ${result.stderr || result.stdout}`);
}
