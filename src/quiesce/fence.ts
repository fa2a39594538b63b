import { enclose, type Enclosure } from '../exec/enclosure.ts';
import { run, type RunResult } from '../exec/run.ts';
import { CowherdError } from '../model/errors.ts';
import { CHILD_LIMITS, limitArguments, type ChildLimits } from './child-limits.ts';
import { closeFd, openResolved } from './open-beneath.ts';

export interface FencedCommand {
  /** An ordinary user's and group's: 1 … 2³²-2. */
  readonly uid: number;
  readonly gid: number;
  /** Paths are those inside the fence: the volume is at /v, the rest is the system's /usr, read-only. */
  readonly argv: readonly [string, ...string[]];
  readonly input: string;
  readonly timeoutMs: number;
  readonly okExits?: readonly number[];
  readonly signal?: AbortSignal;
  /** Default {@link CHILD_LIMITS}. */
  readonly limits?: ChildLimits;
}

export interface Fence {
  /** Throws as `run` does; output is bounded to 64 KiB. INTERNAL for uid 0, gid 0 or when the fence is gone. */
  readonly run: (command: FencedCommand) => Promise<RunResult>;
  /** Ends everything that still runs inside and takes the mounts with it. Never throws. */
  readonly close: () => Promise<void>;
}

const MAX_OUTPUT_BYTES = 64 * 1024;
const NO_ID = 0xffff_ffff;

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

/** Fences a volume's live tree (`enclose`), with `results` at /o where it is given. Throws TOOL_MISSING, TOOL_FAILED, IO_ERROR. */
export async function openFence(
  root: string,
  runtimeDir: string,
  results?: string,
): Promise<Fence> {
  const volume = await openResolved(root);
  try {
    const options = results === undefined ? { runtimeDir } : { runtimeDir, results };
    const enclosure = await enclose(volume, options);
    return { run: (command) => runInside(enclosure, command), close: enclosure.close };
  } finally {
    await closeFd(volume);
  }
}

async function runInside(enclosure: Enclosure, command: FencedCommand): Promise<RunResult> {
  const { uid, gid, argv, input, timeoutMs, limits = CHILD_LIMITS } = command;
  if (!isOrdinary(uid) || !isOrdinary(gid))
    throw new CowherdError(
      'INTERNAL',
      `nothing is run as ${String(uid)}:${String(gid)} in a fence`,
    );
  if (!enclosure.alive()) throw new CowherdError('INTERNAL', 'the fence has ended');
  const user = ['--reuid', String(uid), '--regid', String(gid), ...UNPRIVILEGED];
  // prlimit(1) comes after setpriv(1): a user with many processes elsewhere must not keep the child from starting.
  const child = ['setpriv', ...user, 'prlimit', ...limitArguments(limits), ...argv];
  return run('nsenter', [...enclosure.entering, '--', ...child], {
    input,
    timeoutMs,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    ...(command.okExits === undefined ? {} : { okExits: command.okExits }),
    ...(command.signal === undefined ? {} : { signal: command.signal }),
  });
}

/** Not root, and not the id that means "no change" to setresuid(2). */
export function isOrdinary(uid: number): boolean {
  return Number.isInteger(uid) && uid > 0 && uid < NO_ID;
}
