import { run } from '../../exec/run.ts';

export interface FlaggedEntry {
  /** Relative to the tree, `.` for its root. */
  readonly path: string;
  readonly kind: 'file' | 'directory';
  /** Letters of lsattr(1) that a copy must carry: `C` NOCOW, `i` immutable, `a` append-only, `A` `S` `D` `d` `m` `c`. */
  readonly flags: string;
}

/** Flags that mean something on btrfs and can be set; the rest (`e`, `V` …) describe storage. */
const CARRIED = /[CiaASDdmc]/g;
const FLAGS = /^([A-Za-z-]{10,}) /;
/** What has inode flags; links are entered by neither. */
const FLAGGABLE = ['.', '-xdev', '(', '-type', 'f', '-o', '-type', 'd', ')'];
const MAX_LISTING_BYTES = 1024 * 1024 * 1024;

/**
 * Entries of a tree that carry inode flags; few, as a rule none. The names are find(1)'s: what lsattr(1) prints beside the flags
 * may hold line breaks, and look like a line of its own. An entry whose name is no UTF-8 is left out.
 */
export async function inodeFlags(root: string): Promise<readonly FlaggedEntry[]> {
  const options = { cwd: root, maxOutputBytes: MAX_LISTING_BYTES };
  const named = await run('find', [...FLAGGABLE, '-printf', '%y%p\\0'], options);
  const list = ['-exec', 'lsattr', '-d', '--', '{}', '+'];
  const told = await run('find', [...FLAGGABLE, ...list], { ...options, okExits: [1] });
  const entries = named.stdout.split('\0').filter((entry) => entry !== '');
  const flags = flagsOf(
    told.stdout,
    entries.map((entry) => entry.slice(1)),
  );
  return entries.flatMap((entry, index) => {
    const carried = (flags[index]?.match(CARRIED) ?? []).join('');
    const path = carried === '' ? null : utf8(entry.slice(1));
    if (path === null) return [];
    const kind = entry.startsWith('d') ? 'directory' : 'file';
    return [{ path: path === '.' ? '.' : path.slice(2), kind, flags: carried }];
  });
}

/** Flags of these paths, all as latin1, from what `lsattr -d` printed of them in their order; empty for one it could not read. */
export function flagsOf(text: string, paths: readonly string[]): readonly string[] {
  let at = 0;
  return paths.map((path) => {
    const [line = '', flags = ''] = FLAGS.exec(text.slice(at, at + LONGEST_FLAGS)) ?? [];
    if (line === '' || !text.startsWith(`${path}\n`, at + line.length)) return '';
    at += line.length + path.length + 1;
    return flags;
  });
}

const LONGEST_FLAGS = 64;

function utf8(latin1: string): string | null {
  const bytes = Buffer.from(latin1, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : null;
}

/** Parses `lsattr -R -a` with the tree as working directory (stdout as latin1), to be counted; `.` and `..` entries are left out. */
export function parseLsattr(
  text: string,
): readonly { readonly flags: string; readonly path: string }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([A-Za-z-]{10,}) (\.(?:\/.*)?)$/.exec(line);
    const path = match?.[2];
    if (match?.[1] === undefined || path === undefined || /\/\.\.?$/.test(path)) return [];
    const utf8 = Buffer.from(path, 'latin1').toString('utf8');
    return [
      { flags: (match[1].match(CARRIED) ?? []).join(''), path: utf8 === '.' ? '.' : utf8.slice(2) },
    ];
  });
}
