/** A system call that strace(1) saw end. */
export interface Call {
  readonly pid: number;
  readonly name: string;
  /** What stands between its parentheses. */
  readonly args: string;
  /** What stands behind the equals sign. */
  readonly result: string;
}

/** The calls of a log of `strace -f -y -o`; a call that another process interrupted is put together again. Bytes as latin1. */
export function parseCalls(log: string): readonly Call[] {
  const begun = new Map<string, string>();
  return log.split('\n').flatMap((line): readonly Call[] => {
    const [, pid = '', text = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    const half = /^(.*) <unfinished \.\.\.>$/s.exec(text)?.[1];
    if (half !== undefined) {
      begun.set(pid, half);
      return [];
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/s.exec(text)?.[1];
    const whole = rest === undefined ? text : (begun.get(pid) ?? '') + rest;
    const [, name, args = '', result = ''] = /^(\w+)\((.*)\) += (.*)$/s.exec(whole) ?? [];
    return name === undefined ? [] : [{ pid: Number(pid), name, args, result }];
  });
}

const OPENING = ['open', 'openat', 'openat2', 'creat'];

/** Every path that was opened, as the kernel resolved it (`-y` prints it behind the descriptor), or was executed; each once. */
export function openedPaths(calls: readonly Call[]): readonly string[] {
  const found = calls.flatMap(({ name, args, result }) => {
    if (OPENING.includes(name)) return /^\d+<(.*)>$/s.exec(result)?.[1] ?? [];
    if (name === 'execve' && result === '0') return firstString(args);
    return [];
  });
  return [...new Set(found.map(unescapePath))].sort();
}

function firstString(args: string): string | readonly [] {
  return /"((?:[^"\\]|\\.)*)"/s.exec(args)?.[1] ?? [];
}

const LETTERS: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  v: '\v',
  f: '\f',
};

/** strace's escapes (`\n`, `\33`, `\74`, `\"`) as the bytes they stand for, latin1. */
export function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{1,3}|.)/gs, (_, escaped: string) =>
    /^[0-7]/.test(escaped)
      ? String.fromCharCode(Number.parseInt(escaped, 8))
      : (LETTERS[escaped] ?? escaped),
  );
}
