import { stripVTControlCharacters } from 'node:util';
import type { ChildResult } from './child.ts';

/** What one file (or check) adds to the totals. */
export interface Verdict {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly reasons: readonly string[];
  /** Why it failed where its own output does not say. */
  readonly problems: readonly string[];
}

const ALLOWED_SKIP = /^retention vectors/;

/** Judges a uvu file by its end, its totals and its source; trusts none of them alone. */
export function judgeFile(result: ChildResult, source: string, ci: boolean): Verdict {
  const output = stripVTControlCharacters(result.output);
  const totals = parseTotals(output) ?? skippedWhole(result, output);
  const reasons = [...output.matchAll(/SKIP(?: ALL)?: (.+)$/gm)].map(
    (match) => match[1]?.trim() ?? '',
  );
  const skipped = Math.max(totals?.skipped ?? 0, reasons.length);
  const returned = skipped - (totals?.skipped ?? 0);
  const passed = Math.max(0, (totals?.passed ?? 0) - returned);
  const missed = (totals?.total ?? 0) - (totals?.passed ?? 0);
  const problems = problemsOf(result, totals, source);
  const forbidden = ci ? skipped - reasons.filter((reason) => ALLOWED_SKIP.test(reason)).length : 0;
  if (forbidden > 0) problems.push(`${String(forbidden)} skipped, which CI does not allow`);
  return {
    passed,
    failed: Math.max(missed + forbidden, problems.length > 0 ? 1 : 0),
    skipped: skipped - forbidden,
    reasons: skipped > reasons.length ? [...reasons, 'no reason given'] : reasons,
    problems,
  };
}

/** A check passes by its exit status alone. */
export function judgeCheck(result: ChildResult): Verdict {
  const passed = result.exitCode === 0 ? 1 : 0;
  const problems = result.timedOut ? ['timed out'] : [];
  return { passed, failed: 1 - passed, skipped: 0, reasons: [], problems };
}

interface Totals {
  readonly total: number;
  readonly passed: number;
  readonly skipped: number;
}

/** uvu's totals, undefined when it printed none. */
export function parseTotals(output: string): Totals | undefined {
  const match = /Total:\s+(\d+)\s+Passed:\s+(\d+)\s+Skipped:\s+(\d+)/.exec(output);
  if (!match) return undefined;
  return { total: Number(match[1]), passed: Number(match[2]), skipped: Number(match[3]) };
}

/** A file may end itself with `SKIP ALL: reason` before any test. */
function skippedWhole(result: ChildResult, output: string): Totals | undefined {
  if (result.exitCode !== 0 || !/^SKIP ALL: ./m.test(output)) return undefined;
  return { total: 0, passed: 0, skipped: 1 };
}

function problemsOf(result: ChildResult, totals: Totals | undefined, source: string): string[] {
  const problems: string[] = [];
  if (result.timedOut) problems.push('timed out');
  else if (result.exitCode === null) problems.push('ended by a signal');
  if (totals === undefined) problems.push('nothing ran: no totals (is .run() missing?)');
  else if (totals.total + totals.skipped === 0) problems.push('nothing ran: no tests');
  else if (totals.passed < totals.total && result.exitCode === 0) problems.push('a hook failed');
  else if (result.exitCode !== 0) problems.push(`exit ${String(result.exitCode)}`);
  for (const name of suitesNotRun(source)) problems.push(`nothing ran: ${name}.run() is missing`);
  return problems;
}

/** uvu suites that a source defines and never runs: uvu itself is silent about them. */
export function suitesNotRun(source: string): string[] {
  const named = [...source.matchAll(/^const (\w+) = suite\(/gm)].map((match) => match[1] ?? '');
  const bare = /^test(\.only)?\(/m.test(source) ? ['test'] : [];
  return [...named, ...bare].filter((name) => !source.includes(`${name}.run()`));
}
