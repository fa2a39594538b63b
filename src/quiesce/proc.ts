import { readFileSync } from 'node:fs';

/** What `/proc/<pid>/stat` says of a process; pid and `startTime` (clock ticks since boot) together are unique until the next boot. */
export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly startTime: number;
}

/** One line of `/proc/<pid>/stat` (proc_pid_stat(5)); the name between the brackets may hold anything, brackets too. */
export function parseStat(text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const stat = {
    pid: parseInt(text, 10),
    state: state ?? '',
    parent: Number(parent),
    startTime: Number(fields[19]),
  };
  return stat.state === '' || Number.isNaN(stat.parent + stat.startTime + stat.pid) ? null : stat;
}

/** A process that lives, or null: none, or dead and not yet reaped (a zombie may hold its pid for long when a thread hangs in D). */
export function liveProcess(pid: number): ProcessStat | null {
  if (pid <= 0) return null;
  const stat = parseStat(readProc(pid, 'stat') ?? '');
  return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : stat;
}

/** True when that very process (not another with its pid) lives. */
export function isSameProcess(pid: number, startTime: number): boolean {
  return liveProcess(pid)?.startTime === startTime;
}

/** The pids above a process, nearest first, without pid 1. */
export function ancestorsOf(pid: number): readonly number[] {
  const parent = liveProcess(pid)?.parent ?? 0;
  return parent <= 1 ? [] : [parent, ...ancestorsOf(parent)];
}

/** A file of `/proc/<pid>`, or null when the process is gone. */
export function readProc(pid: number | 'self', file: string): string | null {
  try {
    return readFileSync(`/proc/${String(pid)}/${file}`, 'latin1');
  } catch {
    return null;
  }
}
