import { lstat } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';

export interface FlaggedEntry {
  /** Relative to the tree, `.` for its root. */
  readonly path: string;
  readonly kind: 'file' | 'directory';
  /** Letters of lsattr(1) that a copy must carry: `C` NOCOW, `i` immutable, `a` append-only, `A` `S` `D` `d` `m` `c`. */
  readonly flags: string;
}

/** Flags that mean something on btrfs and can be set; the rest (`e`, `V` …) describe storage. */
const CARRIED = /[CiaASDdmc]/g;

/**
 * Entries of a tree that carry inode flags; few, as a rule none. Symlinks and special files have none.
 * Throws TOOL_FAILED for a flagged entry whose name holds a line break, which lsattr(1) cannot print safely.
 */
export async function inodeFlags(root: string): Promise<readonly FlaggedEntry[]> {
  const { stdout } = await run('lsattr', ['-R', '-a', '.'], {
    cwd: root,
    okExits: [1],
    maxOutputBytes: 1024 * 1024 * 1024,
  });
  const own = await run('lsattr', ['-d', '.'], { cwd: root });
  const entries: FlaggedEntry[] = [];
  for (const { flags, path } of parseLsattr(`${own.stdout}\n${stdout}`)) {
    if (flags === '') continue;
    const kind = await kindOf(`${root}/${path}`);
    if (kind !== null) entries.push({ path, kind, flags });
  }
  return [...new Map(entries.map((entry) => [entry.path, entry])).values()];
}

/** Parses `lsattr -R -a` with the tree as working directory (stdout as latin1); `.` and `..` entries are left out. */
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

async function kindOf(path: string): Promise<FlaggedEntry['kind'] | null> {
  try {
    const stat = await lstat(path);
    return stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : null;
  } catch (error) {
    throw new CowherdError(
      'TOOL_FAILED',
      `an entry with inode flags has a name that cannot be carried over: ${path}`,
      {
        hint: 'rename it, or clear its flags with chattr, then run it again',
        cause: error,
      },
    );
  }
}
