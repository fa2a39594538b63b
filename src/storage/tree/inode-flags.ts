import { records } from '../../exec/records.ts';

export interface FlaggedEntry {
  /** Relative to the tree, `.` for its root; any bytes. */
  readonly path: Buffer;
  readonly kind: 'file' | 'directory';
  /** Letters of lsattr(1) that a copy must carry: `C` NOCOW, `i` immutable, `a` append-only, `A` `S` `D` `d` `m` `c`. */
  readonly flags: string;
}

/** Flags that mean something on btrfs and can be set; the rest (`e`, `V` …) describe storage. */
const CARRIED = /[CiaASDdmc]/g;
const FLAGS = /^([A-Za-z-]{10,}) /;
/** What has inode flags; links are entered by neither. What is in a directory comes before it. */
const FLAGGABLE = ['.', '-xdev', '-depth', '(', '-type', 'f', '-o', '-type', 'd', ')'];
/** Whoever reads may take its time for each. */
const WALK_TIMEOUT_MS = 6 * 60 * 60_000;
const LINE_BREAK = 0x0a;

/**
 * Entries of a tree that carry inode flags, as they come, what is in a directory before it; as a rule none, all of them where NOCOW
 * is inherited. The names are find(1)'s: what lsattr(1) prints beside the flags may hold line breaks, and look like a line of its own.
 */
export async function* inodeFlags(
  root: string,
  signal?: AbortSignal,
): AsyncGenerator<FlaggedEntry, void> {
  const walk = {
    cwd: root,
    timeoutMs: WALK_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  };
  const named = records('find', [...FLAGGABLE, '-printf', '%y%p\\0'], walk);
  const list = ['-exec', 'lsattr', '-d', '--', '{}', '+'];
  const lines = { ...walk, separator: LINE_BREAK, okExits: [1] };
  const told = records('find', [...FLAGGABLE, ...list], lines);
  for await (const { path, flags, type } of paired(named, told)) {
    const carried = (flags.match(CARRIED) ?? []).join('');
    if (carried !== '')
      yield { path: relative(path), kind: type === 'd' ? 'directory' : 'file', flags: carried };
  }
}

function relative(path: Buffer): Buffer {
  return Buffer.from(path.length === 1 ? path : path.subarray(2));
}

interface Flagged {
  readonly type: string;
  readonly path: Buffer;
  /** Empty for one that lsattr(1) could not read. */
  readonly flags: string;
}

/** Flags of named entries (type and path), from the lines that `lsattr -d` printed of them in their order. */
export async function* paired(
  named: AsyncIterable<Buffer>,
  told: AsyncGenerator<Buffer, void>,
): AsyncGenerator<Flagged, void> {
  const ahead: string[] = [];
  try {
    for await (const entry of named) {
      const [type, path] = [entry.toString('latin1', 0, 1), Buffer.from(entry.subarray(1))];
      const lines = path.toString('latin1').split('\n').length;
      await readAhead(told, { ahead, lines });
      const text = ahead.slice(0, lines).join('\n');
      const [start = '', flags = ''] = FLAGS.exec(text) ?? [];
      const isOfPath = start !== '' && text.slice(start.length) === path.toString('latin1');
      if (isOfPath) ahead.splice(0, lines);
      yield { type, path, flags: isOfPath ? flags : '' };
    }
  } finally {
    await told.return();
  }
}

async function readAhead(
  told: AsyncGenerator<Buffer, void>,
  { ahead, lines }: { readonly ahead: string[]; readonly lines: number },
): Promise<void> {
  while (ahead.length < lines) {
    const next = await told.next();
    if (next.done === true) return;
    ahead.push(next.value.toString('latin1'));
  }
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
