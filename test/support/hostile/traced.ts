import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from '../lab/cowherd.ts';
import { EMULATED } from '../lab/emulated.ts';
import type { Lab, LabRunOptions } from '../lab/lab.ts';
import { processesWithArgument } from '../lab/processes.ts';
import { run, type RunResult } from '../lab/run.ts';
import { watchMemory } from './memory.ts';
import { openedPaths, parseCalls, type Call } from './strace-log.ts';

/** A finished command of ours, and what all processes of it opened. */
export interface Traced extends RunResult {
  readonly calls: readonly Call[];
  /** What they opened or executed, resolved. */
  readonly opened: readonly string[];
  /** The most that all of them together had in memory at one time, shared pages counted in each. */
  readonly peakBytes: number;
}

export interface TraceOptions {
  readonly config?: string;
  readonly timeoutMs?: number;
}

const FOLLOW = ['--seccomp-bpf', '-f', '-qq', '-e', 'signal=none'];
/** Some machines have no open(2) and creat(2). */
const CALLS = [...FOLLOW, '-y', '-e', 'trace=?open,openat,openat2,?creat,execve'];
const PROGRAMS = [...FOLLOW, '-v', '-s', '65536', '-e', 'trace=execve,execveat'];

/** Every program a command of ours started, as strace(1) prints it: path, whole arguments and whole environment. */
export async function programsOf(
  lab: Lab,
  args: readonly string[],
  { config, env = {} }: LabRunOptions = {},
): Promise<RunResult & { readonly programs: readonly string[] }> {
  const log = join(mkdtempSync(join(lab.root, 'strace-')), 'log');
  const watch = ['strace', ...PROGRAMS, '-o', log, '--', process.execPath, MAIN];
  const options = { env: { ...env, COWHERD_CONFIG: config ?? lab.config }, timeoutMs: TIMEOUT_MS };
  const result = await run([...watch, ...args], options);
  const calls = parseCalls(readFileSync(log, 'latin1'));
  return { ...result, programs: calls.map(({ args: whole }) => whole) };
}

/** Runs argv under strace(1), which follows every child into whatever namespace it goes. */
export async function traced(
  lab: Pick<Lab, 'root'>,
  argv: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
): Promise<Traced> {
  const log = join(mkdtempSync(join(lab.root, 'strace-')), 'log');
  const memory = watchMemory(() => processesWithArgument('strace', log));
  const result = await run(['strace', ...CALLS, '-o', log, '--', ...argv], options);
  const peakBytes = memory.stop();
  const calls = parseCalls(readFileSync(log, 'latin1'));
  if (calls.length === 0) throw new Error(`strace saw nothing: ${result.stderr}`);
  return { ...result, calls, opened: openedPaths(calls), peakBytes };
}

/** `cowherd ARGS` of this checkout on the lab's configuration, traced. */
export async function tracedCowherd(
  lab: Lab,
  args: readonly string[],
  { config = lab.config, timeoutMs = TIMEOUT_MS }: TraceOptions = {},
): Promise<Traced> {
  const env = { COWHERD_CONFIG: config };
  return traced(lab, [process.execPath, MAIN, ...args], { env, timeoutMs });
}

const TIMEOUT_MS = (EMULATED ? 30 : 5) * 60_000;
