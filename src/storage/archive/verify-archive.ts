import { open, type FileHandle } from 'node:fs/promises';
import { systemCode } from '../../model/errors.ts';
import { damaged } from './damaged.ts';
import { archivePaths } from './layout.ts';
import { withSignal } from './listing.ts';
import type { Archive, ReadOptions } from './read-index.ts';
import { sumOf } from './store-stream.ts';
import { vetMembers } from './vet-members.ts';
import type { StoredStream } from './summary.ts';

const READ_TIMEOUT_MS = 6 * 60 * 60_000;

/** Reads an archive and its index whole: they are what the manifest says, byte by byte. Throws ARCHIVE_DAMAGED, TOOL_MISSING, TOOL_FAILED. */
export async function verifyArchive(archive: Archive, options: ReadOptions): Promise<void> {
  await verifyIndex(archive, options);
  await verifyData(archive, options);
}

/**
 * Reads a chain of archives and their indexes whole, the oldest first: they are what their manifests say, byte by byte, and hold what their indexes
 * name (`vetMembers`). Both are read at once, each by a processor. Throws ARCHIVE_DAMAGED, TOOL_MISSING, TOOL_FAILED.
 */
export async function verifyChain(chain: readonly Archive[], options: ReadOptions): Promise<void> {
  for (const archive of chain) await verifyIndex(archive, options);
  const verified = (async () => {
    for (const archive of chain) await verifyData(archive, options);
  })();
  const [data, members] = await Promise.allSettled([verified, vetMembers(chain, options)]);
  // What is damaged may be anything to whoever reads its members: the sum says it better.
  if (data.status === 'rejected') throw data.reason;
  if (members.status === 'rejected') throw members.reason;
}

async function verifyData(archive: Archive, options: ReadOptions): Promise<void> {
  await verifyFile(archivePaths(archive.path).data, archive.summary, options);
}

/** Reads an index whole, which takes no time: it is what the manifest says. Throws as `verifyChain`. */
export async function verifyIndex(archive: Archive, options: ReadOptions): Promise<void> {
  await verifyFile(archivePaths(archive.path).index, archive.summary.index, options);
}

async function verifyFile(
  path: string,
  { sha256, storedBytes }: StoredStream,
  { runtimeDir, signal }: ReadOptions,
): Promise<void> {
  const file = await openStored(path);
  try {
    const { size } = await file.stat();
    if (size !== storedBytes)
      throw damaged(path, `it has ${String(size)} bytes and should have ${String(storedBytes)}`);
    const options = withSignal({ runtimeDir, timeoutMs: READ_TIMEOUT_MS }, signal);
    const sum = await sumOf(file.fd, options);
    if (sum !== sha256) throw damaged(path, `its sha256 is ${sum} and should be ${sha256}`);
  } finally {
    await file.close();
  }
}

async function openStored(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw damaged(path, 'it is not there');
    throw error;
  }
}
