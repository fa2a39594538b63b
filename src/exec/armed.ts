import type { execa as Execa } from 'execa';
import { CowherdError } from '../model/errors.ts';
import { boundedBy, leaveBehind, STUCK } from './bounded.ts';
import { CHILD_ENVIRONMENT, failureOf, stuckFailure } from './run.ts';
import { keepTail } from './tail.ts';

/** Arguments of one run of the tool; bytes where they are a name that may not be UTF-8. */
export type Group = readonly (string | Buffer)[];

/** A tool that was started and waits for its arguments: starting processes from Node costs milliseconds, spent before a freeze. */
export interface Armed {
  /** Runs the tool once for each group of arguments, in parallel. Only once. Throws TOOL_MISSING, TOOL_FAILED, NO_SPACE; an abort kills it, and leaves behind what cannot be. */
  readonly fire: (groups: readonly Group[], signal: AbortSignal) => Promise<void>;
  /** Ends it unfired; after `fire` it does nothing. */
  readonly disarm: () => void;
}

export interface ArmOptions {
  readonly file: string;
  readonly args: readonly string[];
  /** Arguments in a group. */
  readonly groupSize: number;
  /** Groups expected; more are run by the same lanes. */
  readonly groups: number;
}

/** A lane forks its groups one after the other, each in less than a millisecond; with many of them some lanes share that. */
const GROUPS_IN_A_LANE = 4;
const MOST_LANES = 4;
const NOT_FOUND = 127;
const NUL = Buffer.of(0);

/**
 * Resolves when the tool is started. xargs(1) runs nothing but what `fire` writes, and nothing at all when this process ends
 * before (`-r`, end of input).
 */
export async function arm({ file, args, groupSize, groups }: ArmOptions): Promise<Armed> {
  const { execa } = await import('execa');
  const argv = ['-0', '-r', '-n', String(groupSize), '-P', '0', '--', file, ...args];
  const count = Math.max(1, Math.min(Math.ceil(groups / GROUPS_IN_A_LANE), MOST_LANES));
  const lanes = Array.from({ length: count }, () => startLane(execa, file, argv));
  return {
    fire: async (given, signal) => {
      signal.throwIfAborted();
      const kill = (): void => {
        for (const lane of lanes) lane.kill();
      };
      signal.addEventListener('abort', kill, { once: true });
      const ends = lanes.map(async (lane, at) =>
        lane.run(
          given.filter((_, i) => i % count === at),
          signal,
        ),
      );
      const settled = await Promise.allSettled(ends);
      signal.removeEventListener('abort', kill);
      const failed = settled.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
    disarm: () => {
      for (const lane of lanes) lane.disarm();
    },
  };
}

interface Lane {
  readonly run: (groups: readonly Group[], signal: AbortSignal) => Promise<void>;
  readonly kill: () => void;
  readonly disarm: () => void;
}

function startLane(execa: typeof Execa, file: string, argv: readonly string[]): Lane {
  const child = execa('xargs', argv, {
    reject: false,
    buffer: false,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: CHILD_ENVIRONMENT,
    extendEnv: false,
    // A process group of its own, so that an abort reaches what xargs has started too.
    detached: true,
  });
  const stderr = keepTail(child.stderr);
  const state = { ended: false };
  const end = child.then((result) => {
    state.ended = true;
    return result;
  });
  child.stdin.on('error', () => undefined); // it may have ended: its exit says so
  return {
    run: async (groups, signal) => {
      child.stdin.end(Buffer.concat(groups.flat().flatMap((word) => [Buffer.from(word), NUL])));
      const result = await boundedBy({ signal }, end);
      if (result === STUCK) {
        leaveBehind(child);
        throw stuckFailure(file, argsOf(argv), stderr());
      }
      const { failed, code, timedOut, exitCode } = result;
      if (exitCode === NOT_FOUND)
        throw new CowherdError('TOOL_MISSING', `${file} is not installed`);
      const failure = { args: argsOf(argv), timedOut, stderr: stderr() };
      const named = code === 'ENOENT' ? 'xargs' : file;
      if (failed) throw failureOf({ file: named, code, exitCode: exitCode ?? -1, ...failure });
    },
    kill: () => {
      if (child.pid !== undefined && !state.ended) killGroup(child.pid);
    },
    disarm: () => {
      child.stdin.end();
    },
  };
}

/** The tool's own, of xargs' arguments. */
function argsOf(argv: readonly string[]): readonly string[] {
  return argv.slice(argv.indexOf('--') + 2);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended between our look and the signal.
  }
}
