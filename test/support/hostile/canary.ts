import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeTree } from '../cycle/odd-tree.ts';
import { unmount } from '../lab/mounts.ts';
import { endProcess, processId } from '../lab/processes.ts';
import { must, until } from '../lab/run.ts';
import { leave } from './databases.ts';

/** A directory of the host outside every volume, on a filesystem of its own under a fanotify mark: whoever opens something in it is seen. */
export interface Canary {
  readonly directory: string;
  /** Who opened what in it since the last call, as fatrace(1) prints it. */
  opened(): Promise<readonly string[]>;
  /** All that is in it: contents, owners, modes, times, attributes; looked at without being seen. */
  readonly description: string;
  /** Ends the mark and describes it again. */
  unwatch(): Promise<string>;
  remove(): Promise<void>;
}

/** Makes one below a directory of ours: a database of the host with its log, a secret, a directory; everybody may write to them. */
export async function startCanary(parent: string): Promise<Canary> {
  const directory = join(parent, 'outside');
  mkdirSync(directory);
  await must(['mount', '-t', 'tmpfs', '-o', 'mode=777,size=16m', 'cowherd-canary', directory]);
  writeFileSync(join(directory, 'secret'), 'not for agents');
  mkdirSync(join(directory, 'inner'));
  await leave(join(directory, 'host.db'), HOST);
  for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o777);
  writeFileSync(join(directory, 'knock'), '');
  const description = await describe(directory);
  const watch = await startWatch(directory);
  return {
    directory,
    description,
    opened: watch.opened,
    unwatch: async () => {
      await watch.end();
      return describe(directory);
    },
    remove: async () => {
      await watch.end();
      await unmount(directory);
    },
  };
}

const describe = async (directory: string) => describeTree({ filesystem: 'zfs' }, directory);

const HOST = `PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(9000));`;

/** fatrace(1) marks the filesystem of its working directory; in whatever mount namespace a file of it is opened. */
async function startWatch(directory: string) {
  const child = spawn('fatrace', ['--current-mount', '--filter=O'], { cwd: directory });
  child.on('error', () => undefined);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const knock = join(directory, 'knock');
  /** Events come in order: what was opened before the knock is reported before it. */
  const upToNow = async (): Promise<readonly string[]> => {
    await until(`fatrace reports ${knock}`, () => {
      if (child.exitCode !== null) throw new Error(`fatrace: ${said}`);
      readFileSync(knock);
      return said.includes(knock);
    });
    const lines = said.split('\n').filter((line) => line !== '' && !line.endsWith(knock));
    said = '';
    return lines;
  };
  await upToNow();
  const id = processId(child.pid ?? 0);
  return { opened: upToNow, end: async () => (id === undefined ? undefined : endProcess(id)) };
}
