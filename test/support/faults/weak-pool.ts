import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { detach, unmount } from '../lab/mounts.ts';
import { must, run, until } from '../lab/run.ts';

/** A pool on a device-mapper device, whose disk can be taken away and brought back, and whose data can be spoilt. */
export interface WeakPool {
  readonly name: string;
  readonly guid: string;
  /** Where its root dataset is mounted. */
  readonly mnt: string;
  /** Every read and write of the disk fails from now on (dmsetup, `error`), and the pool has found out: it is suspended. */
  fail(): Promise<void>;
  /** The disk answers again, and the pool goes on. */
  heal(): Promise<void>;
  /** Changes every block on the disk that holds these bytes; nothing of them stays in memory. */
  spoil(bytes: Buffer): Promise<number>;
  /** Removes it, in whatever state it is. */
  remove(): Promise<void>;
}

const SIZE_BYTES = 512 * 1024 ** 2;
const CHUNK_BYTES = 4 * 1024 ** 2;
const BLOCK_BYTES = 4096;

/** Makes one below a directory. */
export async function makeWeakPool(directory: string): Promise<WeakPool> {
  const name = `cowherd-weak-${randomBytes(4).toString('hex')}`;
  const [image, mnt] = [join(directory, 'weak.img'), join(directory, 'weak')];
  writeFileSync(image, '');
  truncateSync(image, SIZE_BYTES);
  const loop = await must(['losetup', '--find', '--show', image]);
  const disk = diskOf(name, loop, await must(['blockdev', '--getsz', loop]));
  await must(['dmsetup', 'create', name, '--table', disk.linear]);
  const options = ['-o', 'cachefile=none', '-O', `mountpoint=${mnt}`, '-O', 'compression=off'];
  await must(['zpool', 'create', ...options, name, `/dev/mapper/${name}`]);
  const guid = await must(['zpool', 'list', '-H', '-p', '-o', 'guid', name]);
  let writer: Promise<unknown> = Promise.resolve();
  const heal = async (): Promise<void> => {
    await disk.become('linear');
    // What failed before is tried again, and a first attempt may come too early for it.
    await until(`${name} goes on`, async () => {
      await run(['zpool', 'clear', name]);
      return (await must(['zpool', 'list', '-H', '-o', 'health', name])) === 'ONLINE';
    });
    await writer;
  };
  return {
    ...{ name, guid, mnt, heal },
    fail: async () => {
      await disk.become('error');
      writer = writeTo(name, mnt);
      const health = async () => must(['zpool', 'list', '-H', '-o', 'health', name]);
      await until(`${name} is suspended`, async () => (await health()) === 'SUSPENDED');
    },
    spoil: async (bytes) => {
      await unmount(`/run/cowherd/fs/${guid}`);
      await must(['zpool', 'export', name]);
      const count = spoilBlocks(image, bytes);
      await must(['zpool', 'import', '-d', '/dev/mapper', '-o', 'cachefile=none', name]);
      return count;
    },
    remove: async () => {
      await heal();
      await unmount(`/run/cowherd/fs/${guid}`);
      await must(['zpool', 'destroy', '-f', name]);
      await must(['dmsetup', 'remove', '--retry', name]);
      await detach({ device: loop, file: image });
    },
  };
}

/** A pool finds out when it writes, as it does every few seconds where somebody works; gives the end of the writer, which comes when the disk is back. */
async function writeTo(name: string, mnt: string): Promise<unknown> {
  const script = 'echo lost >"$0/lost"; zpool sync "$1"';
  return once(spawn('sh', ['-c', script, mnt, name], { stdio: 'ignore' }), 'exit');
}

interface WeakDisk {
  readonly linear: string;
  readonly become: (kind: 'linear' | 'error') => Promise<void>;
}

function diskOf(name: string, loop: string, sectors: string): WeakDisk {
  const tables = { linear: `0 ${sectors} linear ${loop} 0`, error: `0 ${sectors} error` };
  return {
    linear: tables.linear,
    become: async (kind) => {
      await must(['dmsetup', 'suspend', '--noflush', '--nolockfs', name]);
      await must(['dmsetup', 'load', name, '--table', tables[kind]]);
      await must(['dmsetup', 'resume', name]);
    },
  };
}

/** Gives how many blocks it changed. */
function spoilBlocks(image: string, bytes: Buffer): number {
  const file = openSync(image, 'r+');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let count = 0;
  try {
    for (let start = 0; start < SIZE_BYTES; start += CHUNK_BYTES) {
      readSync(file, chunk, 0, CHUNK_BYTES, start);
      for (let at = chunk.indexOf(bytes); at >= 0;) {
        writeSync(file, Buffer.from('spoilt'), 0, 6, start + at);
        count += 1;
        const next = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES;
        at = next < CHUNK_BYTES ? chunk.indexOf(bytes, next) : -1;
      }
    }
  } finally {
    closeSync(file);
  }
  return count;
}
