import { hold, type Held } from './hold.ts';
import {
  fencePoint,
  forgetSystemPaths,
  furnish,
  mountTable,
  namelessFile,
  systemPaths,
} from './fence-mounts.ts';
import { run } from './run.ts';

/** Namespaces in which one directory can be worked on and nothing else. */
export interface Enclosure {
  /** Arguments of nsenter(1) for a program inside: its root and working directory are those of the enclosure. */
  readonly entering: readonly string[];
  /** False as soon as it has ended, however it did. */
  readonly alive: () => boolean;
  /** Ends everything that still runs inside and takes the mounts with it. Never throws. */
  readonly close: () => Promise<void>;
}

export interface EnclosureOptions {
  /** Cowherd's own directory in /run. */
  readonly runtimeDir: string;
  /** Nothing but the directory can be written, by root neither. */
  readonly sealed?: boolean;
  /** A host directory of ours that is there too, at /o: whoever it belongs to can write to it. */
  readonly results?: string;
}

const NAMESPACES = ['--mount', '--net', '--ipc'];
/** `slave`: what the host unmounts is unmounted here too, so that a fence never keeps a filesystem busy. */
const PROCESSES = ['--pid', '--fork', '--kill-child', '--propagation', 'slave'];
const MOUNT_TIMEOUT_MS = 10_000;

/**
 * Mount, network, IPC and process namespaces of their own, in which the root holds nothing but the directory of a descriptor
 * (`nosuid,nodev,noexec`, at /v) and the system read-only. They live as long as a `cat` that reads our pipe: when we end,
 * even by SIGKILL, it ends as their first process, and the kernel kills all others in them. Throws TOOL_MISSING, TOOL_FAILED, IO_ERROR.
 */
export async function enclose(
  directoryFd: number,
  { runtimeDir, sealed = false, results }: EnclosureOptions,
): Promise<Enclosure> {
  const held = await hold('unshare', [...NAMESPACES, ...PROCESSES, '--', 'cat'], {
    cwd: `/proc/self/fd/${String(directoryFd)}`,
  });
  try {
    const at = await fencePoint(runtimeDir);
    const inside = await build(held, { runtimeDir, at, results });
    if (sealed) await mountIn(held, ['-o', 'remount,bind,ro', at]);
    return {
      entering: entering(held.pid, inside),
      alive: held.alive,
      close: held.release,
    };
  } catch (error) {
    forgetSystemPaths();
    await held.release();
    throw error;
  }
}

interface Furnishing {
  readonly runtimeDir: string;
  readonly at: string;
  readonly results: string | undefined;
}

/** Mounts the fence's root in its namespace and says where we reach it. `--wd` is the holder's: the directory. */
async function build(held: Held, { runtimeDir, at, results }: Furnishing): Promise<string> {
  const { directories, links } = await systemPaths();
  const table = await namelessFile(runtimeDir, mountTable(directories, at, results ?? null));
  try {
    await mountIn(held, ['-c', '-a', '-T', '/proc/self/fd/3'], [table.fd]);
  } finally {
    await table.close();
  }
  const inside = `/proc/${String(held.pid)}/root${at}`;
  await furnish(inside, links);
  return inside;
}

async function mountIn(
  held: Held,
  args: readonly string[],
  fds: readonly number[] = [],
): Promise<void> {
  const argv = ['--target', String(held.pid), '--mount', '--wd', '--', 'mount', ...args];
  await run('nsenter', argv, { fds, timeoutMs: MOUNT_TIMEOUT_MS });
}

/** `--wd` is needed: without it nsenter(1) would keep our own directory, outside the new root. */
function entering(pid: number, inside: string): readonly string[] {
  const process = `--pid=/proc/${String(pid)}/ns/pid_for_children`;
  return ['--target', String(pid), ...NAMESPACES, process, `--root=${inside}`, `--wd=${inside}/v`];
}
