import { join } from 'node:path';
import { isEmulatorsCrash } from '../lab/emulated.ts';
import type { Lab } from '../lab/lab.ts';
import { run } from '../lab/run.ts';
import type { KillAt } from './switch.ts';

const PROGRAM = join(import.meta.dirname, 'program.ts');

export interface KillRequest extends KillAt {
  readonly command: 'adopt' | 'unadopt' | 'rollback' | 'recover' | 'snapshot' | 'prune';
  readonly agent: string;
  /** Of a prune: all of them, with commas between. */
  readonly snapshot?: string;
  /** A command that starts it, as unshare(1). */
  readonly within?: readonly string[];
}

export interface Killed {
  /** False when it came to its end before the kill. */
  readonly killed: boolean;
  /** It died at a moment that nobody chose, which counts as a kill. */
  readonly crashed: boolean;
  /** The changes it began, in order. */
  readonly steps: readonly string[];
  /** The last of them, as `7 install`. */
  readonly last: string;
  /** What the use-case said at its end, or null. */
  readonly report: unknown;
}

/** Runs a use-case in a process that kills itself at its n-th change. Throws when it failed by itself. */
export async function runKilled(lab: Lab, request: KillRequest): Promise<Killed> {
  const {
    command,
    agent,
    snapshot = 'latest',
    at,
    when,
    delayMs,
    fill = '',
    step = '',
    within = [],
  } = request;
  const instant = [String(at), when, String(delayMs), fill, step];
  const words = [lab.config, command, agent, snapshot, ...instant];
  const { exitCode, stdout, stderr } = await run([...within, process.execPath, PROGRAM, ...words]);
  const crashed = isEmulatorsCrash(exitCode);
  const killed = crashed || exitCode === 128 + 9;
  if (!killed && exitCode !== 0) throw new Error(`exit ${String(exitCode)}: ${stdout}${stderr}`);
  const steps = stdout.split('\n').filter((line) => /^\d+ /.test(line));
  const said = /^done (.*)$/m.exec(stdout)?.[1];
  const report: unknown = said === undefined ? null : JSON.parse(said);
  return { killed, crashed, steps, last: steps.at(-1) ?? '', report };
}
