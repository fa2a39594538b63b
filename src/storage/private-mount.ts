import { chmod } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lockFile } from '../exec/flock.ts';
import { makeInRuntime } from '../exec/room.ts';
import { run } from '../exec/run.ts';
import { CowherdError } from '../model/errors.ts';
import type { Mount } from '../model/mountinfo.ts';
import { readMounts } from './mounts.ts';

/** Nothing in it is run, nor any symlink followed. */
export const PRIVATE_OPTIONS = 'nosuid,nodev,noexec,noatime,nosymfollow';
const LOCK_WAIT_MS = 30_000;

export interface PrivateMount {
  readonly runtimeDir: string;
  /** Host path of a directory of ours. */
  readonly target: string;
  /** Held while it is mounted. */
  readonly lock: string;
  /** Arguments of mount(8) before the target. */
  readonly mount: () => Promise<readonly string[]>;
  /** Whether what is mounted at the target is what is wanted there. */
  readonly isWanted: (mount: Mount) => Promise<boolean>;
  /** Nobody can write in it; otherwise everybody who can where the filesystem is writable. */
  readonly readonly?: boolean;
}

/** Mounts what is missing, for us alone, and leaves it there. Throws TOOL_FAILED, or IO_ERROR when something else sits there. */
export async function ensureMounted(wanted: PrivateMount): Promise<string> {
  const { target, runtimeDir } = wanted;
  const mounted = await mountedAt(wanted);
  if (mounted !== null) {
    await setAccess(wanted, mounted);
    return target;
  }
  await makeInRuntime(runtimeDir, target);
  await chmod(dirname(target), 0o700);
  const held = await lockFile(wanted.lock, LOCK_WAIT_MS);
  if (held === null)
    throw new CowherdError('IO_ERROR', `another run has been mounting ${target} for 30 s`);
  try {
    if ((await mountedAt(wanted)) === null) await mountNow(wanted);
  } finally {
    held.release();
  }
  return target;
}

async function mountNow(wanted: PrivateMount): Promise<void> {
  await run('mount', ['--make-private', ...(await wanted.mount()), wanted.target]);
  const mounted = await mountedAt(wanted);
  if (mounted !== null) await setAccess(wanted, mounted);
}

/**
 * As writable as it is to be: the mount alone, not the filesystem (mount(8), `remount,bind`); also one that was made read-only together
 * with that, or whose making was cut short.
 */
async function setAccess(
  { readonly = false }: PrivateMount,
  { mountPoint, options }: Mount,
): Promise<void> {
  const access = readonly ? 'ro' : 'rw';
  if (options.includes(access)) return;
  await run('mount', ['-o', `remount,bind,${access},${PRIVATE_OPTIONS}`, mountPoint]);
}

async function mountedAt({ target, isWanted }: PrivateMount): Promise<Mount | null> {
  const last = (await readMounts()).filter((mount) => mount.mountPoint === target).at(-1);
  if (!last) return null;
  if (await isWanted(last)) return last;
  throw new CowherdError('IO_ERROR', `${target} is mounted, but not with what belongs there`, {
    hint: `umount ${target}, then run it again`,
  });
}
