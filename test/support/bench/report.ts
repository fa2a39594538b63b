/** What a bench found; only ratios can fail. */
export class Report {
  #failed = false;

  get failed(): boolean {
    return this.#failed;
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** Figures in columns under their headings. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = headings.map((heading, at) =>
      Math.max(heading.length, ...rows.map((row) => (row[at] ?? '').length)),
    );
    for (const row of [headings, ...rows]) {
      const cells = row.map((cell, at) =>
        at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
      );
      this.line(`  ${cells.join('   ')}`);
    }
  }

  /** A ratio that may not be larger than `most`. */
  ratio(what: string, value: number, most: number): void {
    const holds = value <= most;
    if (!holds) this.#failed = true;
    this.line(
      `  ${holds ? 'ok  ' : 'FAIL'} ${what}: ${value.toFixed(2)} (at most ${String(most)})`,
    );
  }

  /** An absolute goal, which depends on the machine and therefore never fails. */
  goal(what: string, value: number, below: number, unit = 'ms'): void {
    const reached = value < below ? 'reached' : 'not reached on this machine';
    this.line(
      `  goal ${what}: ${value.toFixed(1)} ${unit} (under ${String(below)} ${unit}: ${reached})`,
    );
  }
}

/** `12.3`. */
export function figure(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}
