import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import { inodeFlags, type FlaggedEntry } from './inode-flags.ts';

const COPY_TIMEOUT_MS = 6 * 60 * 60_000;

/** Whether a copy shares its source's extents (reflink), so that contents are equal by construction. */
export type Sharing = 'shared' | 'copied';

/**
 * Copies what is in a directory into an empty one, with owners, modes, times, xattrs, ACLs, hard
 * links, holes and inode flags. Nothing is followed, no other filesystem entered. NOCOW files can be shared only with
 * files that are NOCOW from birth (ioctl_ficlonerange(2), EINVAL): those are made first.
 * Throws NO_SPACE, or TOOL_FAILED naming what could not be copied.
 */
export async function copyTree(source: string, target: string, sharing: Sharing): Promise<void> {
  const flagged = await inodeFlags(source);
  await prepareNocow(target, flagged);
  await run(
    'cp',
    [
      ...['-a', `--reflink=${sharing === 'shared' ? 'always' : 'never'}`, '--one-file-system'],
      ...['--', `${source}/.`, `${target}/`],
    ],
    { timeoutMs: COPY_TIMEOUT_MS, diesWithUs: true },
  );
  await restoreFlags(target, flagged);
}

async function prepareNocow(target: string, flagged: readonly FlaggedEntry[]): Promise<void> {
  for (const entry of flagged.filter(({ flags }) => flags.includes('C'))) {
    const path = `${target}/${entry.path}`;
    if (entry.kind === 'directory') {
      await mkdir(path, { recursive: true, mode: 0o700 });
    } else {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(path, '', { flag: 'wx', mode: 0o600 });
    }
    await run('chattr', ['+C', '--', path]);
  }
}

/** Flags that forbid writing come last, on files before the directories that hold them. */
async function restoreFlags(target: string, flagged: readonly FlaggedEntry[]): Promise<void> {
  const deepestFirst = [...flagged].sort((a, b) => b.path.length - a.path.length);
  for (const { path, flags } of deepestFirst) {
    const wanted = flags.replace(/C/g, '');
    if (wanted === '') continue;
    await run('chattr', [`+${wanted}`, '--', `${target}/${path}`]).catch((error: unknown) => {
      throw new CowherdError('TOOL_FAILED', `inode flags ${wanted} of ${path} could not be set`, {
        cause: error,
      });
    });
  }
}
