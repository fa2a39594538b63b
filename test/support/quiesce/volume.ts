import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { detach, loops, unmount } from '../lab/mounts.ts';
import { must } from '../lab/run.ts';

export const AGENT = 1000;

/** A volume as Docker would have it (`_data` below a data root of mode 0710) on a btrfs image of its own. */
export interface TestVolume {
  readonly directory: string;
  readonly runtimeDir: string;
  /** The live tree, a subvolume that belongs to the agent's user. */
  readonly data: string;
  /** A read-only snapshot of it as it is now. */
  snapshot(): Promise<string>;
  remove(): Promise<void>;
}

export async function makeVolume(sizeBytes = 512 * 1024 ** 2): Promise<TestVolume> {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-sqlite-'));
  chmodSync(directory, 0o711);
  const image = join(directory, 'image');
  const mnt = join(directory, 'docker');
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  const device = await must(['losetup', '--find', '--show', image]);
  await must(['mkfs.btrfs', '-q', '-K', '-m', 'single', device]);
  mkdirSync(mnt);
  await must(['mount', device, mnt]);
  const data = join(mnt, '_data');
  await must(['btrfs', 'subvolume', 'create', data]);
  chownSync(data, AGENT, AGENT);
  chmodSync(mnt, 0o710);
  let taken = 0;
  const snapshot = async (): Promise<string> => {
    const path = join(mnt, `snapshot-${String((taken += 1))}`);
    await must(['btrfs', 'subvolume', 'snapshot', '-r', data, path]);
    return path;
  };
  const remove = async (): Promise<void> => {
    await unmount(mnt);
    for (const loop of loops().filter(({ file }) => file === image)) await detach(loop);
    rmSync(directory, { recursive: true });
  };
  return { directory, runtimeDir: join(directory, 'run'), data, snapshot, remove };
}

/** Makes a WAL database of a few rows, all of them still in the WAL, as a program that was killed leaves it. */
export async function makeUncleanDatabase(path: string, owner = AGENT): Promise<void> {
  const writer = openWriter(path);
  await writer.say(
    `PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(20000));`,
  );
  await writer.kill();
  for (const file of [path, `${path}-wal`, `${path}-shm`]) chownSync(file, owner, owner);
}

export interface Writer {
  /** Runs statements and waits for the end of them. */
  say(sql: string): Promise<void>;
  kill(): Promise<void>;
}

/** A program that has a database open; as root, which gives new files the database's owner as SQLite does it. */
export function openWriter(path: string): Writer {
  const child = spawn('sqlite3', ['-batch', path], { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    say: (sql) => say(child, sql),
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

async function say(child: ChildProcess, sql: string): Promise<void> {
  child.stdin?.write(`${sql}\nSELECT 'said';\n`);
  const closed = once(child, 'close').then(() => Promise.reject(new Error('sqlite3 has ended')));
  for (;;) {
    const [chunk] = (await Promise.race([once(child.stdout!, 'data'), closed])) as [Buffer];
    if (chunk.toString().includes('said')) break;
  }
  closed.catch(() => undefined);
}

/** A program of the agent's user that commits a row every few milliseconds until it is killed. */
export async function startLiveWriter(path: string): Promise<{ stop(): Promise<void> }> {
  const user = ['--reuid', String(AGENT), '--regid', String(AGENT), '--clear-groups'];
  const child = spawn('setpriv', [...user, 'sqlite3', '-batch', path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await say(
    child,
    '.timeout 2000\nPRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES(1);',
  );
  child.stdout.resume();
  const timer = setInterval(() => child.stdin.write('INSERT INTO t VALUES(randomblob(500));\n'), 5);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'close');
  };
  return { stop };
}
