import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { sleep } from './run.ts';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot, proc(5). */
  readonly startTicks: number;
}

/** The identity of a live process (a zombie is not one), or undefined. */
export function processId(pid: number): ProcessId | undefined {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startTicks: Number(fields[19]) };
}

/** True while exactly this process lives. */
export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.startTicks === id.startTicks;
}

/** Live processes of program `exe` that have exactly this argument. */
export function processesWithArgument(exe: string, argument: string): ProcessId[] {
  return allProcesses().filter(
    ({ pid }) => programOf(pid) === exe && argumentsOf(pid).includes(argument),
  );
}

/** Live processes whose environment holds exactly this `NAME=value`. */
export function processesWithEnvironment(entry: string): ProcessId[] {
  return allProcesses().filter(({ pid }) => words(pid, 'environ').includes(entry));
}

/** The arguments of a process, empty when it is gone. */
export function argumentsOf(pid: number): string[] {
  return words(pid, 'cmdline');
}

/** Everything below these processes, children before grandchildren. */
export function descendantsOf(roots: readonly ProcessId[]): ProcessId[] {
  const all = allProcesses().map((id) => ({ id, parent: Number(statFields(id.pid)?.[1]) }));
  const found: ProcessId[] = [];
  let front = roots.map(({ pid }) => pid);
  while (front.length > 0) {
    const next = all.filter(({ parent }) => front.includes(parent)).map(({ id }) => id);
    found.push(...next);
    front = next.map(({ pid }) => pid);
  }
  return found;
}

/** SIGTERM, and SIGKILL when that was not enough in graceMs; returns when the process is gone. */
export async function endProcess(id: ProcessId, graceMs = 0): Promise<void> {
  if (graceMs > 0) {
    signal(id, 'SIGTERM');
    if (await goneWithin(id, graceMs)) return;
  }
  signal(id, 'SIGKILL');
  if (!(await goneWithin(id, 10_000)))
    throw new Error(`process ${String(id.pid)} survives SIGKILL`);
}

function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, name);
  } catch {
    // gone between the look and the signal
  }
}

async function goneWithin(id: ProcessId, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  while (isAlive(id)) {
    if (Date.now() > end) return false;
    await sleep(25);
  }
  return true;
}

function allProcesses(): ProcessId[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processId(Number(name)))
    .filter((id) => id !== undefined);
}

function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${String(pid)}/exe`)).replace(/ \(deleted\)$/, '');
  } catch {
    return '';
  }
}

/** Fields of /proc/PID/stat after the name: 0 is the state, 1 the parent. */
function statFields(pid: number): string[] | undefined {
  const text = read(`/proc/${String(pid)}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function words(pid: number, file: string): string[] {
  return read(`/proc/${String(pid)}/${file}`)
    .split('\0')
    .filter(Boolean);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
