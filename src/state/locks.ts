import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { lockFile, type FileLock } from '../exec/flock.ts';
import { CowherdError } from '../model/errors.ts';

/** Something two runs must not touch at once. `key` is its identity, `label` what a person calls it. */
export interface Lockable {
  readonly key: string;
  readonly label: string;
}

export interface Locks {
  release(): void;
}

export interface LockOptions {
  readonly runtimeDir: string;
  /** How long to wait for each lock; 0 fails at once. */
  readonly waitMs: number;
}

/**
 * Takes all locks or none, in the order of their keys so that two runs cannot wait for each other. They end with our
 * process, however it ends, and have nothing to go stale. Throws LOCKED naming what is held.
 */
export async function takeLocks(wanted: readonly Lockable[], options: LockOptions): Promise<Locks> {
  const directory = `${options.runtimeDir}/locks`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unique = [...new Map(wanted.map((lockable) => [lockable.key, lockable])).values()];
  const held: FileLock[] = [];
  const release = (): void => {
    for (const lock of held.splice(0)) lock.release();
  };
  try {
    for (const { key, label } of unique.sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const lock = await lockFile(`${directory}/${fileName(key)}`, options.waitMs);
      if (lock === null) throw lockedError(label);
      held.push(lock);
    }
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}

function fileName(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}

function lockedError(label: string): CowherdError {
  return new CowherdError('LOCKED', `another run is working on ${label}`, {
    hint: 'run it again when that one is done, or wait for it with --wait 5m',
  });
}
