import { join } from 'node:path';
import { isHostChosen } from '../machine/host.ts';
import { machineProblem } from '../machine/available.ts';
import { runChild, type ChildOptions, type ChildResult } from './child.ts';
import type { RunnerOptions } from './options.ts';
import type { Verdict } from './verdict.ts';

const LAB = join(import.meta.dirname, '../../../scripts/lab');
/** Labs of the suite `zfs` lie on it. */
export const LABS = { COWHERD_LAB_FS: 'zfs' } as const;
const ON_ZFS = [...Object.entries(LABS).map(([name, value]) => `${name}=${value}`), 'node'];
/** Emulation is slower than the host. */
export const SLOWER = 3;
/** It has two processors, and a test that starts tools one after the other uses one. */
const JOBS = '2';
const BUILD_AND_BOOT_MINUTES = 25;
const LONGEST_MINUTES = 60;

/** True when a suite's files run in the ZFS machine instead of here. */
export function runsInMachine(suite: string): boolean {
  return suite === 'zfs' && !isHostChosen();
}

/** Makes the machine's image unless it is there: no lab may run meanwhile. What fails the suite that runs in it will tell. */
export async function buildMachine(child: ChildOptions): Promise<void> {
  if (machineProblem() !== undefined) return;
  const timeoutMs = BUILD_AND_BOOT_MINUTES * 60_000;
  await runChild([LAB, 'zfs', 'build'], { ...child, timeoutMs });
}

/** Runs these files by the runner inside a ZFS machine; its lines come out as they are printed. */
export async function runInMachine(
  files: readonly string[],
  options: RunnerOptions,
  child: ChildOptions,
): Promise<{ result: ChildResult; verdict: Verdict }> {
  const problem = machineProblem();
  if (problem !== undefined) return notHere(problem, options.ci);
  const fileMinutes = (options.timeoutMs / 60_000) * SLOWER;
  const minutes = Math.min(fileMinutes * files.length, LONGEST_MINUTES * (options.soak ? 3 : 1));
  const soak = options.soak ? ['--soak'] : [];
  const limits = ['--jobs', JOBS, '--timeout', String(fileMinutes)];
  const inside = [...ON_ZFS, 'scripts/run-tests.ts', ...limits, ...soak, ...files];
  const result = await runChild(
    [LAB, 'zfs', 'run', '--timeout', String(minutes), '--', 'env', ...inside],
    {
      ...child,
      timeoutMs: (minutes + BUILD_AND_BOOT_MINUTES) * 60_000,
      onLine: (line) => process.stdout.write(`zfs: ${line}\n`),
    },
  );
  return { result: { ...result, output: '' }, verdict: judgeMachine(result) };
}

/** The totals that the inner runner printed last; trusts them only beside the fitting exit status. */
export function judgeMachine({ output, exitCode, timedOut }: ChildResult): Verdict {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)];
  const last = lines.at(-1);
  const [passed, failed, skipped] = [1, 2, 3].map((group) => Number(last?.[group] ?? 0));
  const counts = { passed: passed ?? 0, failed: failed ?? 0, skipped: skipped ?? 0 };
  const problems: string[] = [];
  if (timedOut) problems.push('timed out');
  else if (last === undefined) problems.push('nothing ran: the machine gave no totals');
  else if ((counts.failed > 0 ? 1 : 0) !== exitCode) problems.push(`exit ${String(exitCode)}`);
  else if (counts.passed + counts.failed + counts.skipped === 0) problems.push('nothing ran');
  const reasons = counts.skipped > 0 ? ['in the machine, see above'] : [];
  const missed = problems.length > 0 ? 1 : 0;
  return { ...counts, failed: Math.max(counts.failed, missed), reasons, problems };
}

function notHere(problem: string, ci: boolean): { result: ChildResult; verdict: Verdict } {
  const result = { exitCode: 0, timedOut: false, output: '', durationMs: 0 };
  const counts = { passed: 0, failed: ci ? 1 : 0, skipped: ci ? 0 : 1 };
  return {
    result,
    verdict: { ...counts, reasons: ci ? [] : [problem], problems: ci ? [problem] : [] },
  };
}
