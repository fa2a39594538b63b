import { chmod, lstat, mkdir, mkdtemp, rename, rmdir, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { CowherdError, systemCode } from '../model/errors.ts';
import { takeLocks } from '../state/locks.ts';

export interface Listening {
  /** Removes the socket, if it is ours still. */
  remove(): Promise<void>;
  /** Lets another process listen there. Safe to repeat. */
  release(): void;
}

export interface Where {
  readonly path: string;
  readonly runtimeDir: string;
  /** Monotonic milliseconds. */
  readonly ticks: () => number;
}

/** sun_path of unix(7), without its NUL. */
const MOST_BYTES = 107;
const ANSWER_MS = 2000;

/**
 * Listens on a unix socket that is 0600 from its first moment, in the place of one that nobody listens on. Throws LOCKED where somebody
 * does, CONFIG_INVALID for a path that is too long or is something else: that is never removed.
 */
export async function listenOn(server: Server, where: Where): Promise<Listening> {
  const { path, runtimeDir, ticks } = where;
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = { key: `api:${path}`, label: `the API's socket ${path}` };
  const locks = await takeLocks([lock], { runtimeDir, waitMs: 0, ticks });
  try {
    await expectFree(path);
    const identity = await bindApart(server, path);
    return {
      release: () => {
        locks.release();
      },
      remove: async () => {
        if ((await identityOf(path)) === identity) await unlink(path);
      },
    };
  } catch (error) {
    locks.release();
    throw error;
  }
}

/** Binds in a directory that only we can enter, and moves the socket to its place when it is 0600. */
async function bindApart(server: Server, path: string): Promise<string | null> {
  const apart = await mkdtemp(`${dirname(path)}/.api-`);
  const made = `${apart}/s`;
  try {
    if (Buffer.byteLength(made) > MOST_BYTES || Buffer.byteLength(path) > MOST_BYTES)
      throw invalid(path, 'it is too long for a unix socket');
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(made, () => {
        server.off('error', reject);
        resolve();
      });
    });
    await chmod(made, 0o600);
    await rename(made, path);
    return await identityOf(path);
  } finally {
    await rmdir(apart).catch(() => undefined);
  }
}

async function expectFree(path: string): Promise<void> {
  const found = await statOf(path);
  if (found === null) return;
  if (!found.isSocket()) throw invalid(path, 'something that is no socket is there');
  if (await isLive(path))
    throw new CowherdError('LOCKED', `another process serves on ${path}`, {
      hint: 'end that one, or set api.socket to another path',
    });
}

async function isLive(path: string): Promise<boolean> {
  const client = connect(path);
  try {
    return await new Promise<boolean>((resolve, reject) => {
      client.setTimeout(ANSWER_MS, () => {
        resolve(true);
      });
      client.once('connect', () => {
        resolve(true);
      });
      client.once('error', (error) => {
        const code = systemCode(error);
        if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
        else if (code === 'EAGAIN') resolve(true);
        else reject(error);
      });
    });
  } finally {
    client.destroy();
  }
}

function invalid(path: string, why: string): CowherdError {
  return new CowherdError('CONFIG_INVALID', `api.socket: ${path}: ${why}`, {
    hint: 'move it away, or set api.socket to another path',
  });
}

async function identityOf(path: string): Promise<string | null> {
  const found = await statOf(path);
  return found === null ? null : `${String(found.dev)}:${String(found.ino)}`;
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof lstat>> | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
