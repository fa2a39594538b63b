import { hold, type Held } from '../exec/hold.ts';
import { run, type RunResult } from '../exec/run.ts';
import { CowherdError } from '../model/errors.ts';
import { fencePoint, furnish, mountTable, namelessFile, systemPaths } from './fence-mounts.ts';
import { closeFd, openRoot } from './open-beneath.ts';

export interface FencedCommand {
  /** An ordinary user's: 1 … 2³²-2. */
  readonly uid: number;
  readonly gid: number;
  /** Paths are those inside the fence: the volume is at /v, the rest is the system's /usr, read-only. */
  readonly argv: readonly [string, ...string[]];
  readonly input: string;
  readonly timeoutMs: number;
  readonly okExits?: readonly number[];
  readonly signal?: AbortSignal;
}

export interface Fence {
  /** Throws as `run` does; output is bounded to 64 KiB. INTERNAL for uid 0 or when the fence is gone. */
  readonly run: (command: FencedCommand) => Promise<RunResult>;
  /** Ends everything that still runs inside and takes the mounts with it. Never throws. */
  readonly close: () => Promise<void>;
}

const NAMESPACES = ['--mount', '--net', '--ipc'];
const MAX_OUTPUT_BYTES = 64 * 1024;
const NO_ID = 0xffff_ffff;
const MIB = 1024 * 1024;

const UNPRIVILEGED = [
  ...[
    '--clear-groups',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--bounding-set=-all',
    '--no-new-privs',
  ],
  ...['--pdeathsig', 'KILL'],
];
/** prlimit(1) comes after setpriv(1): a user with many processes elsewhere must not keep the child from starting. */
const LIMITS = [`--as=${String(512 * MIB)}`, '--cpu=20', '--core=0', '--nofile=32', '--nproc=1'];

/**
 * Fences a volume's live tree: mount, network, IPC and process namespaces of their own, in which the root holds nothing but
 * the volume (`nosuid,nodev,noexec`) and the system read-only. They live as long as a `cat` that reads our pipe: when we end,
 * even by SIGKILL, it ends as their first process, and the kernel kills all others in them. Throws TOOL_MISSING, TOOL_FAILED, IO_ERROR.
 */
export async function openFence(root: string, runtimeDir: string): Promise<Fence> {
  const volume = await openRoot(root);
  try {
    const held = await hold('unshare', [...NAMESPACES, ...PROCESSES, '--', 'cat'], {
      cwd: `/proc/self/fd/${String(volume)}`,
    });
    try {
      const inside = await build(held, runtimeDir);
      return { run: (command) => runInside(held, inside, command), close: held.release };
    } catch (error) {
      await held.release();
      throw error;
    }
  } finally {
    await closeFd(volume);
  }
}

/** `slave`: what the host unmounts is unmounted here too, so that a fence never keeps a filesystem busy. */
const PROCESSES = ['--pid', '--fork', '--kill-child', '--propagation', 'slave'];

/** Mounts the fence's root in its namespace and says where we reach it. `--wd` is the holder's: the volume. */
async function build(held: Held, runtimeDir: string): Promise<string> {
  const at = await fencePoint(runtimeDir);
  const { directories, links } = await systemPaths();
  const table = await namelessFile(runtimeDir, mountTable(directories, at));
  try {
    const mount = ['mount', '-c', '-a', '-T', '/proc/self/fd/3'];
    await run('nsenter', ['--target', String(held.pid), '--mount', '--wd', '--', ...mount], {
      fds: [table.fd],
      timeoutMs: 10_000,
    });
  } finally {
    await table.close();
  }
  const inside = `/proc/${String(held.pid)}/root${at}`;
  await furnish(inside, links);
  return inside;
}

async function runInside(held: Held, inside: string, command: FencedCommand): Promise<RunResult> {
  const { uid, gid, argv, input, timeoutMs } = command;
  if (!isOrdinary(uid) || gid === NO_ID)
    throw new CowherdError(
      'INTERNAL',
      `nothing is run as ${String(uid)}:${String(gid)} in a fence`,
    );
  if (!held.alive()) throw new CowherdError('INTERNAL', 'the fence has ended');
  const user = ['--reuid', String(uid), '--regid', String(gid), ...UNPRIVILEGED];
  return run(
    'nsenter',
    [...entering(held.pid, inside), '--', 'setpriv', ...user, 'prlimit', ...LIMITS, ...argv],
    {
      input,
      timeoutMs,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      ...(command.okExits === undefined ? {} : { okExits: command.okExits }),
      ...(command.signal === undefined ? {} : { signal: command.signal }),
    },
  );
}

/** `--wd` is needed: without it nsenter(1) would keep our own directory, outside the new root. */
function entering(pid: number, inside: string): readonly string[] {
  const process = `--pid=/proc/${String(pid)}/ns/pid_for_children`;
  return ['--target', String(pid), ...NAMESPACES, process, `--root=${inside}`, `--wd=${inside}/v`];
}

/** Not root, and not the id that means "no change" to setresuid(2). */
export function isOrdinary(uid: number): boolean {
  return Number.isInteger(uid) && uid > 0 && uid < NO_ID;
}
