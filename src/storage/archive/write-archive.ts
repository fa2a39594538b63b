import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { CowherdError, toCowherdError } from '../../model/errors.ts';
import { exists, syncDirectory } from '../../exec/durable.ts';
import { draftIndex, type Draft } from './draft-index.ts';
import { archivePaths, partialOf } from './layout.ts';
import { withSignal } from './listing.ts';
import type { Archive } from './read-index.ts';
import { storeStream, type Stored } from './store-stream.ts';
import type { ArchiveSummary } from './summary.ts';
import { verifyIndex } from './verify-archive.ts';

export interface WriteArchiveOptions {
  /** A tree that is ours alone: nobody writes to it meanwhile. */
  readonly source: string;
  /** A private directory (0700); nothing is written elsewhere. */
  readonly directory: string;
  /** What the archive is called in it. */
  readonly name: string;
  /** The newest archive of the chain that it is put on top of; without one it holds everything. */
  readonly base?: Archive | null;
  /** Cowherd's own directory in /run. */
  readonly runtimeDir: string;
  readonly signal?: AbortSignal | undefined;
}

const WRITE_TIMEOUT_MS = 6 * 60 * 60_000;

const TAR = [
  ...['--create', '--file=-', '--format=posix', '--numeric-owner', '--totals'],
  // ACLs are attributes too: as tar(1) writes them else, a name of this host stands for a number that has one.
  ...['--xattrs', '--xattrs-include=*', '--sparse'],
  ...['--no-recursion', '--one-file-system', '--warning=no-timestamp'],
  // What differs between two archives of one tree: times of reading, and our process id.
  '--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f',
  ...['--null', '--files-from=-'],
];

/**
 * Archives a tree, or what has changed in it since its base was written: files, directories and links with modes, owners, times,
 * ACLs and attributes. Its index names everything that was in the tree. A staged tree must be kept between the archives of a
 * chain: a file counts as unchanged only with the inode and ctime that it had. Whether somebody wrote to it meanwhile `vetMembers` finds.
 * Published by one rename; a writer that is killed leaves nothing but a `.partial`.
 * Throws NO_SPACE, TOOL_MISSING, TOOL_FAILED, TIER_UNSUPPORTED, IO_ERROR; ARCHIVE_DAMAGED for the base.
 */
export async function writeArchive(options: WriteArchiveOptions): Promise<ArchiveSummary> {
  const archive = `${options.directory}/${options.name}`;
  const partial = partialOf(archive);
  if (await exists(archive)) throw new CowherdError('IO_ERROR', `${archive} exists already`);
  await mkdir(partial, { mode: 0o700 });
  try {
    const summary = await writeInto(partial, options);
    await syncDirectory(partial);
    await rename(partial, archive);
    await syncDirectory(options.directory);
    return summary;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    options.signal?.throwIfAborted();
    throw toCowherdError(error);
  }
}

async function writeInto(partial: string, options: WriteArchiveOptions): Promise<ArchiveSummary> {
  const { base = null, source, runtimeDir, signal } = options;
  const level = base === null ? 0 : base.summary.level + 1;
  const scratch = `${partial}/scratch`;
  await mkdir(scratch, { mode: 0o700 });
  if (base !== null) await verifyIndex(base, options);
  const draft = await draftIndex({ source, base, level, scratch, runtimeDir, signal });
  const index = await storeIndex(partial, draft, options);
  const data = await storeMembers(partial, draft, options);
  await rm(scratch, { recursive: true });
  return {
    ...{ level, base: base?.summary.sha256 ?? null },
    ...{ sha256: data.sha256, storedBytes: data.storedBytes, streamBytes: totalIn(data) },
    ...draft.counts,
    index,
  };
}

async function storeIndex(
  partial: string,
  { indexFile }: Draft,
  options: WriteArchiveOptions,
): Promise<ArchiveSummary['index']> {
  const { size: streamBytes } = await stat(indexFile);
  const { sha256, storedBytes } = await storeFrom(indexFile, async (stdin) =>
    storeStream([], archivePaths(partial).index, pipelineOptions(options, stdin)),
  );
  return { sha256, storedBytes, streamBytes };
}

async function storeMembers(
  partial: string,
  { membersFile }: Draft,
  options: WriteArchiveOptions,
): Promise<Stored> {
  const tar = { file: 'tar', args: TAR, cwd: options.source };
  return storeFrom(membersFile, async (stdin) =>
    storeStream([tar], archivePaths(partial).data, pipelineOptions(options, stdin)),
  );
}

async function storeFrom(path: string, store: (stdin: number) => Promise<Stored>): Promise<Stored> {
  const file = await open(path, 'r');
  try {
    return await store(file.fd);
  } finally {
    await file.close();
  }
}

function pipelineOptions({ runtimeDir, signal }: WriteArchiveOptions, stdin: number) {
  return withSignal({ runtimeDir, stdin, timeoutMs: WRITE_TIMEOUT_MS }, signal);
}

/** What `tar --totals` says at its end. */
function totalIn({ stages }: Stored): number {
  const [, total] = /^Total bytes written: (\d+) /m.exec(stages[0]?.stderr ?? '') ?? [];
  if (total !== undefined) return Number(total);
  throw new CowherdError('TOOL_FAILED', 'tar did not say how much it wrote');
}
