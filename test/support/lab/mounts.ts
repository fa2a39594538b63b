import { readdirSync, readFileSync } from 'node:fs';
import { must, run, sleep, until } from './run.ts';

/** One line of /proc/self/mountinfo. */
export interface Mount {
  readonly target: string;
  readonly type: string;
  readonly source: string;
  /** Of the mount itself. */
  readonly options: readonly string[];
  /** Of the filesystem. */
  readonly superOptions: readonly string[];
}

/** A loop device and the file behind it. */
export interface Loop extends Disk {
  readonly file: string;
}

/** All mounts of this namespace, oldest first. */
export function mounts(): Mount[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n').map(parseMount);
}

function parseMount(line: string): Mount {
  const [left = '', right = ''] = line.split(' - ');
  const [type = '', source = '', superOptions = ''] = right.split(' ');
  const [, , , , target = '', options = ''] = left.split(' ');
  return {
    ...{ target: unescape(target), type, source: unescape(source) },
    options: options.split(','),
    superOptions: superOptions.split(','),
  };
}

function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** All loop devices in use, with the path the kernel knows their file by. */
export function loops(): Loop[] {
  return readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .flatMap((name) => {
      const file = backingFile(name);
      return file === undefined ? [] : [{ device: `/dev/${name}`, file }];
    });
}

function backingFile(name: string): string | undefined {
  try {
    const path = readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trimEnd();
    return path.replace(/ \(deleted\)$/, '');
  } catch {
    return undefined;
  }
}

/** True for `directory` itself and for what lies in it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** What holds a throw-away filesystem: a loop device, or a pool by its name. */
export interface Disk {
  readonly device: string;
}

/** The mounts under a directory and those of its disks, wherever they are; newest first. */
export function mountsOf(directory: string, own: readonly Disk[]): Mount[] {
  const isOn = (source: string) =>
    own.some(({ device }) => source === device || /^[/@]/.test(afterPrefix(source, device)));
  return mounts()
    .filter(({ target, source }) => isWithin(target, directory) || isOn(source))
    .reverse();
}

/** What follows a prefix; empty where it is none. */
function afterPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : '';
}

/** Unmounts, patiently at first, lazily at last. */
export async function unmount(target: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const result = await run(['umount', '--', target]);
    if (result.exitCode === 0 || !mounts().some((mount) => mount.target === target)) return;
    await sleep(250);
  }
  await must(['umount', '--lazy', '--', target]);
}

/** What another program has unshared from us may hold it for so long. */
const HELD_MS = 60_000;

/** Detaches a loop device; returns when the kernel has let go of it. A mount(8) that outlives who started it, and comes late, is undone. */
export async function detach(loop: Loop): Promise<void> {
  const held = () =>
    loops().some(({ device, file }) => device === loop.device && file === loop.file);
  if (!held()) return;
  await run(['losetup', '--detach', loop.device]);
  const isLetGo = async (): Promise<boolean> => {
    const late = mounts().filter(({ source }) => source === loop.device);
    for (const { target } of late.reverse()) await unmount(target);
    return !held();
  };
  await until(`${loop.device} detached${holders(loop.device)}`, isLetGo, { timeoutMs: HELD_MS });
}

/** Who has the device mounted in a namespace of its own. */
function holders(device: string): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && holds(name, device));
  return pids.length === 0 ? '' : ` (mounted in the namespace of process ${pids.join(', ')})`;
}

function holds(pid: string, device: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${device} `);
  } catch {
    return false;
  }
}
