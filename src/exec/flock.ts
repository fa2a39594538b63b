import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from '../model/errors.ts';
import { noRoom } from './room.ts';
import { run } from './run.ts';

/** A held lock; it ends with `release` or with our process, however that ends. */
export interface FileLock {
  /** Safe to repeat. */
  release(): void;
}

const HELD_EXIT = 255;
const XARGS_STOPPED = 124;

/**
 * Locks all files of all sets or none, without waiting, by one process of ours: xargs(1) runs flock(1) for one descriptor after
 * the other and stops at the first that somebody else holds. Null then; a lock for each set otherwise.
 */
export async function lockFiles(
  sets: readonly (readonly string[])[],
): Promise<readonly FileLock[] | null> {
  const opened: number[][] = [];
  const locks = sets.map((_, index) => ({
    release: () => {
      for (const fd of opened[index]?.splice(0) ?? []) closeSync(fd);
    },
  }));
  let isHeld = false;
  try {
    for (const paths of sets) {
      const fds: number[] = [];
      opened.push(fds);
      for (const path of paths) fds.push(openLock(path));
    }
    isHeld = await flockAll(opened.flat());
    return isHeld ? locks : null;
  } finally {
    if (!isHeld) for (const lock of locks) lock.release();
  }
}

async function flockAll(fds: readonly number[]): Promise<boolean> {
  const numbers = fds.map((_, index) => `${String(index + 3)}\0`).join('');
  const argv = ['-0', '-r', '-n', '1', '--', 'flock', '-x', '-n', '-E', String(HELD_EXIT)];
  const { exitCode } = await run('xargs', argv, { fds, input: numbers, okExits: [XARGS_STOPPED] });
  return exitCode === 0;
}

/**
 * Locks a file exclusively by flock(1) on a descriptor of ours, waiting at most `waitMs` (0: not at all).
 * Null when somebody else holds it. The file is created (0600) and never removed.
 */
export async function lockFile(path: string, waitMs: number): Promise<FileLock | null> {
  const fd = openLock(path);
  try {
    const wait = waitMs > 0 ? ['-w', (waitMs / 1000).toFixed(3)] : ['-n'];
    const { exitCode } = await run('flock', ['-x', ...wait, '3'], {
      fds: [fd],
      okExits: [1],
      timeoutMs: waitMs + 60_000,
    });
    if (exitCode === 0)
      return {
        release: once(() => {
          closeSync(fd);
        }),
      };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return null;
}

function openLock(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw systemCode(error) === 'ENOSPC' ? noRoom(dirname(path)) : error;
  }
}

function once(close: () => void): () => void {
  let isOpen = true;
  return () => {
    if (isOpen) close();
    isOpen = false;
  };
}
