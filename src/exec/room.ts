import { mkdir, statfs } from 'node:fs/promises';
import { CowherdError, systemCode } from '../model/errors.ts';

/** A freeze's record of a thousand containers, the tables of fences, and some to spare. */
const LEAST_BYTES = 512 * 1024;
/** Locks of one more agent, records and mount points. */
const LEAST_FILES = 64;

/**
 * Makes the runtime directory where it is missing. Throws NO_SPACE when locks, records and mount points might not fit into
 * it: to be asked before anybody is frozen or stopped.
 */
export async function expectRoom(runtimeDir: string): Promise<void> {
  await makeInRuntime(runtimeDir, runtimeDir);
  const problem = await roomProblem(runtimeDir);
  if (problem !== null) throw problem;
}

/** The error that `expectRoom` would throw; null where there is room, or no such directory yet. */
export async function roomProblem(runtimeDir: string): Promise<CowherdError | null> {
  try {
    // Of a filesystem without a limit either total is 0 (tmpfs(5), btrfs).
    const { blocks, bfree, bsize, files, ffree } = await statfs(runtimeDir);
    const enough =
      (blocks === 0 || bfree * bsize >= LEAST_BYTES) && (files === 0 || ffree >= LEAST_FILES);
    return enough ? null : noRoom(runtimeDir);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Makes a directory (0700) in the runtime directory, or that itself. Throws NO_SPACE. */
export async function makeInRuntime(runtimeDir: string, path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw systemCode(error) === 'ENOSPC' ? noRoom(runtimeDir) : error;
  }
}

/** NO_SPACE for the directory in which locks and records are kept. */
export function noRoom(runtimeDir: string): CowherdError {
  const message = `${runtimeDir}, where locks and the records of freezes are kept, is full or nearly so`;
  const hint = `free some space or inodes there (df -h ${runtimeDir}; df -i ${runtimeDir}), then run it again`;
  return new CowherdError('NO_SPACE', message, { hint });
}
