/** A member as `tar --list` tells of it. */
export interface Member {
  /** `-` file, `d` directory, `l` symbolic link, `h` hard link; any other is none of ours. */
  readonly type: string;
  /** Octal, as in an index. */
  readonly mode: string;
  readonly uid: string;
  readonly gid: string;
  readonly size: string;
  /** As it is in the archive. */
  readonly name: Buffer;
  /** Where a link points, or what a hard link is another name of. */
  readonly target: Buffer;
}

/** Makes {@link parseMember} understand `tar --list`. */
export const LIST_ARGUMENTS = [
  ...['--list', '--file=-', '--verbose', '--numeric-owner', '--quoting-style=c'],
  ...['--full-time', '--utc', '--warning=no-timestamp'],
];

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const LINE = new RegExp(
  String.raw`^(.)([r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-]) (\d+)/(\d+) +(\d+) \S+ \S+ +(${QUOTED})(?: (?:->|link to) (${QUOTED}))?$`,
);

/** Reads a line; null for one that no member of ours has (a device, an unknown type …). */
export function parseMember(line: string): Member | null {
  const [, type, letters, uid, gid, size, name, target = '""'] = LINE.exec(line) ?? [];
  if (type === undefined || letters === undefined || name === undefined) return null;
  if (uid === undefined || gid === undefined || size === undefined) return null;
  const [named, aimed] = [unquote(name), unquote(target)];
  return { type, mode: modeOf(letters), uid, gid, size, name: named, target: aimed };
}

const READ_WRITE = /[rw]/;
const EXECUTE = /[xst]/;
const SPECIAL = /[sStT]/;

function modeOf(letters: string): string {
  let [mode, special] = [0, 0];
  for (const [index, letter] of Array.from(letters).entries()) {
    const isSet = index % 3 === 2 ? EXECUTE.test(letter) : READ_WRITE.test(letter);
    mode = mode * 2 + (isSet ? 1 : 0);
    if (index % 3 === 2) special = special * 2 + (SPECIAL.test(letter) ? 1 : 0);
  }
  return (special * 0o1000 + mode).toString(8);
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
};

/** A name in the quotes of C, as bytes. */
function unquote(quoted: string): Buffer {
  const text = quoted
    .slice(1, -1)
    .replace(/\\(?:([0-7]{3})|(.))/g, (_, octal: string | undefined, letter: string | undefined) =>
      octal === undefined
        ? String.fromCharCode(ESCAPES[letter ?? ''] ?? (letter ?? '').charCodeAt(0))
        : String.fromCharCode(Number.parseInt(octal, 8)),
    );
  return Buffer.from(text, 'latin1');
}
