import { lockFile, lockFiles, type FileLock } from '../exec/flock.ts';
import { makeInRuntime } from '../exec/room.ts';
import { sha256 } from '../model/digest.ts';
import { CowherdError } from '../model/errors.ts';

/** Something two runs must not touch at once. `key` is its identity, `label` what a person calls it. */
export interface Lockable {
  readonly key: string;
  readonly label: string;
}

export interface Locks {
  /** Safe to repeat. */
  release(): void;
}

export interface LockOptions {
  readonly runtimeDir: string;
  /** How long to wait for all of them together; 0 fails at once. */
  readonly waitMs: number;
  /** Milliseconds, of any clock that goes forward. */
  readonly ticks: () => number;
}

/**
 * Takes all locks or none, in the order of their keys so that two runs cannot wait for each other. They end with our
 * process, however it ends, and have nothing to go stale. Throws LOCKED naming what is held.
 */
export async function takeLocks(wanted: readonly Lockable[], options: LockOptions): Promise<Locks> {
  const files = filesOf(wanted, await lockDirectory(options.runtimeDir));
  if (options.waitMs === 0) {
    const all = await lockFiles([files.map(({ path }) => path)]);
    if (all?.[0] !== undefined) return all[0];
  }
  return oneByOne(files, options);
}

/**
 * Takes the locks of all sets or none, without waiting and by one process of ours; each set is released by itself. Null when
 * somebody holds one, or two sets want the same.
 */
export async function tryLocks(
  sets: readonly (readonly Lockable[])[],
  runtimeDir: string,
): Promise<readonly Locks[] | null> {
  const directory = await lockDirectory(runtimeDir);
  return lockFiles(sets.map((wanted) => filesOf(wanted, directory).map(({ path }) => path)));
}

async function lockDirectory(runtimeDir: string): Promise<string> {
  const directory = `${runtimeDir}/locks`;
  await makeInRuntime(runtimeDir, directory);
  return directory;
}

/** In the order of their keys, each once. */
function filesOf(wanted: readonly Lockable[], directory: string): readonly LockedFile[] {
  const unique = [...new Map(wanted.map((lockable) => [lockable.key, lockable])).values()];
  return unique
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, label }) => ({ path: `${directory}/${fileName(key)}`, label }));
}

interface LockedFile {
  readonly path: string;
  readonly label: string;
}

/** Waits for each, and knows which one is held. */
async function oneByOne(
  files: readonly LockedFile[],
  { waitMs, ticks }: LockOptions,
): Promise<Locks> {
  const until = ticks() + waitMs;
  const held: FileLock[] = [];
  const release = (): void => {
    for (const lock of held.splice(0)) lock.release();
  };
  try {
    for (const { path, label } of files) {
      const lock = await lockFile(path, waitMs === 0 ? 0 : Math.max(1, Math.ceil(until - ticks())));
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
  return sha256(key).slice(0, 32);
}

function lockedError(label: string): CowherdError {
  return new CowherdError('LOCKED', `another run is working on ${label}`, {
    hint: 'run it again when that one is done, or wait for it with --wait 5m',
  });
}
