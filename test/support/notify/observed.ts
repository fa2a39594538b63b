import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Waits until something is so, five seconds at most. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 10) {
    if (waited > 5_000) throw new Error('it did not come');
    await pause(10);
  }
}

/** How long something took. */
export async function msOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** A file of JSON lines. */
export function linesOf(file: string): readonly Record<string, unknown>[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

/** True while the process whose id a file holds is there. */
export function isRunning(file: string): boolean {
  return existsSync(`/proc/${readFileSync(file, 'utf8').trim()}`);
}
