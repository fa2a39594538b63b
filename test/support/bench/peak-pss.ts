import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, processId } from '../lab/processes.ts';

const EVERY_MS = 50;

/** The most memory (MiB) that a command and all its descendants have at once until it ends, what they share counted once. Throws for a status but 0. */
export async function peakPssMib(child: ChildProcess): Promise<number> {
  const ended = once(child, 'exit') as Promise<[number | null]>;
  child.stdout?.resume();
  child.stderr?.resume();
  const id = processId(child.pid ?? 0);
  let peak = 0;
  while (id !== undefined && child.exitCode === null && child.signalCode === null) {
    const pids = [id, ...descendantsOf([id])].map(({ pid }) => pid);
    peak = Math.max(
      peak,
      pids.reduce((sum, pid) => sum + pssKib(pid), 0),
    );
    await sleep(EVERY_MS);
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')}: exit ${String(code)}`);
  return peak / 1024;
}

/** 0 for a process that has ended. */
function pssKib(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s*(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
