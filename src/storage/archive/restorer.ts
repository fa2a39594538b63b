import { close, constants, open } from 'node:fs';
import { promisify } from 'node:util';
import { enclose, type Enclosure } from '../../exec/enclosure.ts';
import type { Stage } from '../../exec/stages.ts';
import { NOBODY } from './unprivileged.ts';

const openFd = promisify(open);
const closeFd = promisify(close);

/** Where programs restore a tree: they reach its directory and nothing else. */
export interface Restorer {
  /** A program in it, with the capabilities that restoring owners and modes takes, as nobody. */
  readonly stage: (tool: string, args: readonly string[], limits: RestorerLimits) => Stage;
  readonly close: () => Promise<void>;
}

export interface RestorerLimits {
  /** No file may be larger. */
  readonly fileBytes: number;
  /** Whose setgid bits it may set: to those of other groups the kernel does not let it (chmod(2)). */
  readonly groups: readonly string[];
}

const CAPABILITIES = '-all,+chown,+fowner,+dac_override';
const MEMORY_BYTES = 4 * 1024 ** 3;

/**
 * Opens a directory for restoring: in mount, network, IPC and process namespaces of its own it is all that can be written. Throws as `enclose`
 * does; ELOOP or ENOTDIR for what is no directory.
 */
export async function openRestorer(target: string, runtimeDir: string): Promise<Restorer> {
  const directory = await openFd(
    target,
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  );
  try {
    const enclosure = await enclose(directory, { runtimeDir, sealed: true });
    return {
      stage: (tool, args, limits) => stageIn(enclosure, [tool, ...args], limits),
      close: enclosure.close,
    };
  } finally {
    await closeFd(directory);
  }
}

function stageIn(
  { entering }: Enclosure,
  argv: readonly [string, ...string[]],
  { fileBytes, groups }: RestorerLimits,
): Stage {
  const user = ['--reuid', String(NOBODY), '--regid', String(NOBODY)];
  const others = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
  const sets = ['inh-caps', 'ambient-caps', 'bounding-set'];
  const capabilities = sets.map((set) => `--${set}=${CAPABILITIES}`);
  const rest = ['--no-new-privs', '--pdeathsig', 'KILL'];
  // Beyond what a number holds exactly nothing is limited: then files are holes, and their size is no matter.
  const size = Number.isSafeInteger(fileBytes) ? String(fileBytes) : 'unlimited';
  const limits = [`--fsize=${size}`, `--as=${String(MEMORY_BYTES)}`, '--core=0', '--nofile=256'];
  const setpriv = ['setpriv', ...user, ...others, ...capabilities, ...rest];
  return {
    tool: argv[0],
    file: 'nsenter',
    args: [...entering, '--', ...setpriv, 'prlimit', ...limits, ...argv],
  };
}
