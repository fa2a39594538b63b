import { lstat, readlink } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { posix } from 'node:path';

/**
 * Where a path leads. `guarded`: nobody but root can put something else in its place; `planted`: a link on the way that
 * somebody else may have made.
 */
export type Way =
  { readonly real: string; readonly guarded: boolean } | { readonly planted: string };

/** A directory the walk has come to, and what others than root can do to the names in it: nothing, add some (sticky), anything. */
interface Step {
  readonly path: string;
  readonly names: 'guarded' | 'sticky' | 'open';
}

/** lstat(2) as a walk uses it. */
export type Look = (path: string) => Promise<Stats>;

/** What `readlink` and realpath(3) allow. */
const MAX_LINKS = 40;

/** Looks at every path once, for many walks of one moment that have most of the way in common. */
export function lookOnce(): Look {
  const seen = new Map<string, Promise<Stats>>();
  return (path) => {
    const stat = seen.get(path) ?? lstat(path);
    seen.set(path, stat);
    return stat;
  };
}

/** Names a directory or file among all that are mounted, whatever path leads there. */
export function identityOf({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): string {
  return `${String(dev)}:${String(ino)}`;
}

/**
 * Resolves an absolute path link by link, as realpath(3) does, and stops at a link that somebody else than root may have
 * planted: one in a directory that is not root's, that group or others may write to, or that lies in one of `exposed`
 * (`identityOf` each), as the directories that containers write to do: their root has the uid of the host's. In a sticky
 * directory what root owns is root's. Throws the system's ENOENT, ENOTDIR, ELOOP …
 */
export async function wayTo(
  path: string,
  exposed: ReadonlySet<string>,
  look: Look = lstat,
): Promise<Way> {
  const root = enter('/', await look('/'), { safe: true, exposed });
  const above: Step[] = [root];
  const rest = namesOf(path);
  let safe = true;
  for (let links = 0, name = rest.shift(); name !== undefined; name = rest.shift()) {
    const at = above.at(-1) ?? root;
    if (name === '..') {
      if (above.length > 1) above.pop();
      continue;
    }
    const next = posix.join(at.path, name);
    const stat = await look(next);
    safe = at.names === 'guarded' || (at.names === 'sticky' && stat.uid === 0);
    if (!stat.isSymbolicLink()) {
      above.push(enter(next, stat, { safe, exposed }));
      continue;
    }
    if (!safe) return { planted: next };
    if ((links += 1) > MAX_LINKS)
      throw Object.assign(new Error(`ELOOP: ${path}`), { code: 'ELOOP' });
    const target = await readlink(next);
    if (target.startsWith('/')) above.splice(1);
    rest.unshift(...namesOf(target));
  }
  return { real: (above.at(-1) ?? root).path, guarded: safe };
}

interface Entered {
  /** Nobody else can have put it there. */
  readonly safe: boolean;
  readonly exposed: ReadonlySet<string>;
}

function enter(path: string, stat: Stats, { safe, exposed }: Entered): Step {
  if (!safe || stat.uid !== 0 || exposed.has(identityOf(stat))) return { path, names: 'open' };
  if ((stat.mode & 0o022) === 0) return { path, names: 'guarded' };
  return { path, names: (stat.mode & 0o1000) === 0 ? 'open' : 'sticky' };
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
