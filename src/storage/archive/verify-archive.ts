import { open, type FileHandle } from 'node:fs/promises';
import { systemCode } from '../../model/errors.ts';
import { damaged } from './damaged.ts';
import { archivePaths } from './layout.ts';
import { withSignal } from './listing.ts';
import type { Archive, ReadOptions } from './read-index.ts';
import { sumOf } from './store-stream.ts';
import type { StoredStream } from './summary.ts';

const READ_TIMEOUT_MS = 6 * 60 * 60_000;

/** Reads an archive and its index whole: they are what the manifest says, byte by byte. Throws ARCHIVE_DAMAGED, TOOL_MISSING, TOOL_FAILED. */
export async function verifyArchive(archive: Archive, options: ReadOptions): Promise<void> {
  await verifyIndex(archive, options);
  await verifyFile(archivePaths(archive.path).data, archive.summary, options);
}

/** The same for the index alone, which takes no time. */
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
