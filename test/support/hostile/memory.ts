import { readFileSync } from 'node:fs';
import { descendantsOf, type ProcessId } from '../lab/processes.ts';

const EVERY_MS = 100;

/**
 * Watches how much memory is resident in some processes and all that descends from them; `stop` gives the most there was at one
 * time, shared pages counted in each.
 */
export function watchMemory(roots: () => readonly ProcessId[]): { stop(): number } {
  let peak = 0;
  const look = () => {
    const family = [...roots(), ...descendantsOf(roots())];
    const sum = family.reduce((bytes, { pid }) => bytes + residentBytes(pid), 0);
    peak = Math.max(peak, sum);
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}

/** The most this process ever had; 0 when it is gone. */
function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
