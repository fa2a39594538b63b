import { execa } from 'execa';
import { CowherdError } from '../model/errors.ts';
import { CHILD_ENVIRONMENT, failureOf } from './run.ts';
import { keepTail } from './tail.ts';

/** A tool that was started and waits for its arguments: starting processes from Node costs milliseconds, spent before a freeze. */
export interface Armed {
  /** Runs the tool once for each group of arguments, in parallel. Only once. Throws TOOL_MISSING, TOOL_FAILED, NO_SPACE; an abort kills it. */
  readonly fire: (groups: readonly (readonly string[])[], signal: AbortSignal) => Promise<void>;
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

/** Each lane forks its groups one after the other; few of them share the work of starting. */
const MOST_LANES = 4;
const NOT_FOUND = 127;

/**
 * xargs(1) runs nothing but what `fire` writes, and nothing at all when this process ends before (`-r`, end of input).
 */
export function arm({ file, args, groupSize, groups }: ArmOptions): Armed {
  const argv = ['-0', '-r', '-n', String(groupSize), '-P', '0', '--', file, ...args];
  const count = Math.max(1, Math.min(groups, MOST_LANES));
  const lanes = Array.from({ length: count }, () => startLane(file, argv));
  return {
    fire: async (given, signal) => {
      signal.throwIfAborted();
      const kill = (): void => {
        for (const lane of lanes) lane.kill();
      };
      signal.addEventListener('abort', kill, { once: true });
      const ends = lanes.map(async (lane, at) =>
        lane.run(given.filter((_, i) => i % count === at)),
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
  readonly run: (groups: readonly (readonly string[])[]) => Promise<void>;
  readonly kill: () => void;
  readonly disarm: () => void;
}

function startLane(file: string, argv: readonly string[]): Lane {
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
    run: async (groups) => {
      child.stdin.end(
        groups
          .flat()
          .map((word) => `${word}\0`)
          .join(''),
      );
      const { failed, code, timedOut, exitCode } = await end;
      if (exitCode === NOT_FOUND)
        throw new CowherdError('TOOL_MISSING', `${file} is not installed`);
      const failure = { args: argv.slice(argv.indexOf('--') + 2), timedOut, stderr: stderr() };
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

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended between our look and the signal.
  }
}
