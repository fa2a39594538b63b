import { open, readdir } from 'node:fs/promises';
import { pipeline } from '../../exec/pipeline.ts';
import { run } from '../../exec/run.ts';
import { CowherdError, toCowherdError } from '../../model/errors.ts';
import { clearStale } from './clear-stale.ts';
import { compareRestored } from './compare-restored.ts';
import { archivePaths } from './layout.ts';
import { withSignal } from './listing.ts';
import { indexEntries, type Archive } from './read-index.ts';
import { openRestorer, type Restorer } from './restorer.ts';
import { atMost, unprivileged } from './unprivileged.ts';

export interface ExtractOptions {
  /** The archives that hold a tree, the oldest first. They were verified and vetted (`verifyChain`). */
  readonly chain: readonly Archive[];
  /** A fresh, empty directory that nobody else reaches. It gets the tree's own mode and owner. */
  readonly target: string;
  /** A private directory on a disk, of this extraction alone, for lists of names: they are left to the caller. */
  readonly scratch: string;
  /** Cowherd's own directory in /run. */
  readonly runtimeDir: string;
  readonly signal?: AbortSignal | undefined;
}

const EXTRACT_TIMEOUT_MS = 6 * 60 * 60_000;
const SYNC_TIMEOUT_MS = 30 * 60_000;
const SETGID = 0o2000;
/** As many as fit into an argument; what is of a group beyond is seen to differ afterwards. */
const MOST_GROUPS = 8_000;

const TAR = [
  ...['--extract', '--file=-', '--preserve-permissions', '--same-owner', '--numeric-owner'],
  ...['--xattrs', '--xattrs-include=user.*', '--xattrs-include=system.posix_acl_*'],
  ...['--delay-directory-restore', '--warning=no-timestamp'],
];

/**
 * Restores the tree that a chain of archives holds. The programs that do it run as nobody with CHOWN, FOWNER and DAC_OVERRIDE, and reach
 * nothing but the directory; no more comes out than the manifest says. What is there then is compared with the index, and on
 * the disk. Modes (setuid and setgid too), owners, times, ACLs and `user.…` attributes are restored, no other attributes.
 * What is in the directory after an error is of no use. Throws NO_SPACE, ARCHIVE_DAMAGED, TOOL_MISSING, TOOL_FAILED, IO_ERROR.
 */
export async function extractArchive(options: ExtractOptions): Promise<void> {
  const { chain, target, scratch, signal, runtimeDir } = options;
  const last = chain.at(-1);
  if (last === undefined) throw new CowherdError('INTERNAL', 'there is no archive to extract');
  if ((await readdir(target)).length > 0)
    throw new CowherdError('IO_ERROR', `${target} is not empty`);
  try {
    const restorer = await openRestorer(target, runtimeDir);
    try {
      for (const archive of chain) await extractOne(restorer, archive, options);
    } finally {
      await restorer.close();
    }
    await compareRestored(last, target, { runtimeDir, scratch, signal });
    await run('sync', ['-f', '--', target], withSignal({ timeoutMs: SYNC_TIMEOUT_MS }, signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw toCowherdError(error);
  }
}

async function extractOne(
  restorer: Restorer,
  archive: Archive,
  options: ExtractOptions,
): Promise<void> {
  const { target, scratch, runtimeDir, signal } = options;
  const { summary, path } = archive;
  if (summary.level > 0)
    await clearStale({ restorer, archive, target, scratch, runtimeDir, signal });
  const groups = await setgidGroups(archive, options);
  const file = await open(archivePaths(path).data, 'r');
  try {
    const stages = [
      unprivileged('zstd', ['-dc', '-q']),
      atMost(summary.streamBytes),
      restorer.stage('tar', TAR, { fileBytes: summary.largestBytes, groups }),
    ];
    const given = { runtimeDir, stdin: file.fd, timeoutMs: EXTRACT_TIMEOUT_MS, diesWithUs: true };
    await pipeline(stages, withSignal(given, signal));
  } finally {
    await file.close();
  }
}

async function setgidGroups(archive: Archive, options: ExtractOptions): Promise<readonly string[]> {
  const groups = new Set<string>();
  for await (const { mode, gid } of indexEntries(archive, options))
    if ((Number.parseInt(mode, 8) & SETGID) !== 0 && groups.size < MOST_GROUPS) groups.add(gid);
  return [...groups];
}
