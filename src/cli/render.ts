import type { CowherdError, Failure } from '../model/errors.ts';
import { escapeForTerminal } from '../model/names.ts';

/** Text of several lines with everything in them that speaks to a terminal escaped. */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeForTerminal).join('\n');
}

/** Rows as aligned columns under their headings; cells are escaped for terminals. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map(escapeForTerminal));
  const widths = headings.map((heading, at) =>
    safe.reduce((width, row) => Math.max(width, (row[at] ?? '').length), heading.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(headings), ...safe.map(line)].join('\n');
}

/** `12.3 ms`, `1.2 s`. */
export function ms(value: number): string {
  return value < 1000
    ? `${value.toFixed(value < 10 ? 1 : 0)} ms`
    : `${(value / 1000).toFixed(1)} s`;
}

const AGES: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** `40 d`, `3 h`, `0 s`; `in 2 h` for what is yet to come. */
export function age(ageMs: number): string {
  const size = Math.abs(ageMs);
  const [unit, unitMs] = AGES.find(([, ms]) => size >= ms) ?? ['s', 1000];
  return `${ageMs < 0 ? 'in ' : ''}${String(Math.floor(size / unitMs))} ${unit}`;
}

/** `512 B`, `1.5 GiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let at = 0;
  let left = value;
  while (left >= 1024 && at < units.length - 1) [left, at] = [left / 1024, at + 1];
  return `${left.toFixed(at === 0 ? 0 : 1)} ${units[at] ?? ''}`;
}

/** `1 volume`, `3 volumes`. */
export function counted(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** The two lines of an error: what happened, and what to do. */
export function errorLines({
  code,
  message,
  hint,
}: Pick<CowherdError, 'code' | 'message' | 'hint'>): string {
  const what = message.split('\n').map(escapeForTerminal).join('\n  ');
  return hint === ''
    ? `cowherd: ${code}: ${what}`
    : `cowherd: ${code}: ${what}\nhint: ${escapeForTerminal(hint)}`;
}

/** The failures of a command that attempted something, each as its two lines on stderr. */
export function tellFailures(failures: readonly Failure[]): void {
  for (const failure of failures) {
    const message =
      failure.agent === null ? failure.message : `${failure.agent}: ${failure.message}`;
    process.stderr.write(`${errorLines({ ...failure, message })}\n`);
  }
}
