import { closeSync, openSync } from 'node:fs';
import { run } from './run.ts';

/** A held lock; it ends with `release` or with our process, however that ends. */
export interface FileLock {
  readonly path: string;
  release(): void;
}

/**
 * Locks a file exclusively by flock(1) on a descriptor of ours, waiting at most `waitMs` (0: not at all).
 * Null when somebody else holds it. The file is created (0600) and never removed.
 */
export async function lockFile(path: string, waitMs: number): Promise<FileLock | null> {
  const fd = openSync(path, 'a', 0o600);
  try {
    const wait = waitMs > 0 ? ['-w', (waitMs / 1000).toFixed(3)] : ['-n'];
    const { exitCode } = await run('flock', ['-x', ...wait, '3'], {
      fds: [fd],
      okExits: [1],
      timeoutMs: waitMs + 60_000,
    });
    if (exitCode === 0)
      return {
        path,
        release: () => {
          closeSync(fd);
        },
      };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return null;
}
