import { readFileSync } from 'node:fs';
import { systemCode } from '../model/errors.ts';

/** A process's start time in clock ticks since boot (field 22 of proc_pid_stat(5)), or null when there is no such process. */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    // The name in parentheses may hold anything, blanks and parentheses too: fields count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ESRCH') return null;
    throw error;
  }
}

/** Names this process for marks on unfinished work: `<pid>-<start time>`; no other process has it until the next boot. */
export function ownerTag(): string {
  own ??= `${String(process.pid)}-${startTimeOf(process.pid) ?? '0'}`;
  return own;
}
let own: string | undefined;

/** True while the process an owner tag names runs (a zombie does not). */
export function isOwnerAlive(tag: string): boolean {
  const [pid, startTime] = tag.split('-');
  return startTime !== undefined && startTimeOf(Number(pid)) === startTime;
}
