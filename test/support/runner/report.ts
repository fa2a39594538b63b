import type { ChildResult } from './child.ts';
import type { Verdict } from './verdict.ts';

/** The run's lines and its totals. */
export class Report {
  passed = 0;
  failed = 0;
  skipped = 0;

  /** One line for a file or check; all its output when it failed. */
  add(name: string, verdict: Verdict, result: ChildResult): void {
    this.passed += verdict.passed;
    this.failed += verdict.failed;
    this.skipped += verdict.skipped;
    const mark = verdict.failed > 0 ? 'FAIL' : 'ok  ';
    const seconds = (result.durationMs / 1000).toFixed(1);
    print(`${mark} ${name}  ${totals(verdict)}  ${seconds}s`);
    if (verdict.failed > 0) print(result.output.trimEnd());
    for (const problem of verdict.problems) print(`     ${problem}`);
    for (const reason of verdict.reasons) print(`     skipped: ${reason}`);
  }

  /** A failure that no child reported. */
  fail(name: string, problems: readonly string[]): void {
    this.failed += 1;
    print(`FAIL ${name}`);
    for (const problem of problems) print(`     ${problem}`);
  }

  /** The last line. */
  finish(): void {
    print(totals(this));
  }
}

function totals({
  passed,
  failed,
  skipped,
}: Pick<Verdict, 'passed' | 'failed' | 'skipped'>): string {
  const skips = skipped > 0 ? `, ${String(skipped)} skipped` : '';
  return `${String(passed)} passed, ${String(failed)} failed${skips}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
