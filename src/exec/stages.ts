import type { execa as Execa } from 'execa';
import type { Readable } from 'node:stream';
import { leaveBehind } from './bounded.ts';
import { closePipes, makePipes, type KernelPipe } from './kernel-pipes.ts';
import { CHILD_ENVIRONMENT } from './run.ts';
import { keepEnds } from './tail.ts';

/** One program of a pipeline. */
export interface Stage {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Exit codes that are an answer, not a failure; default only 0. */
  readonly okExits?: readonly number[];
  /** Descriptors it inherits as 3, 4, … */
  readonly fds?: readonly number[];
  /** What it is in errors, where `file` only starts another program. */
  readonly tool?: string;
}

export interface StageOptions {
  /** Where the pipes are made: a directory of ours. */
  readonly runtimeDir: string;
  /** The first stage's; default none. It stays open here. */
  readonly stdin?: number;
  /** The last stage's; without one it is `output`. It stays open here. */
  readonly stdout?: number;
  /** The kernel kills the stages when we are killed (prctl(2), PR_SET_PDEATHSIG). */
  readonly diesWithUs?: boolean;
}

/** How a stage ended. */
export interface StageEnd {
  readonly stage: Stage;
  /** -1 when a signal ended it or it never began. */
  readonly exitCode: number;
  readonly signal: string | undefined;
  /** Of an error in starting it, as `ENOENT`. */
  readonly code: string | undefined;
  readonly failed: boolean;
  readonly stderr: string;
}

export interface Stages {
  /** What the last stage writes, where it has no `stdout`. */
  readonly output: Readable | null;
  /** How all of them ended, in their order. Never rejects. */
  readonly ended: Promise<readonly StageEnd[]>;
  /** SIGKILL to every stage and what it has started. */
  readonly kill: () => void;
  /** Neither waits for them any longer nor is kept alive by them. */
  readonly leave: () => void;
  /** What each has said so far. */
  readonly stderrs: () => readonly string[];
}

const NOT_FOUND = 127;

/** Starts programs that are joined by pipes of the kernel: no byte between them passes through this process. Throws as `makePipes`. */
export async function startStages(
  stages: readonly Stage[],
  options: StageOptions,
): Promise<Stages> {
  const { execa } = await import('execa');
  const pipes = await makePipes(stages.length - 1, options.runtimeDir);
  try {
    const started = stages.map((stage, at) => start(execa, stage, { at, pipes, options }));
    return together(started);
  } finally {
    closePipes(pipes);
  }
}

interface Place {
  readonly at: number;
  readonly pipes: readonly KernelPipe[];
  readonly options: StageOptions;
}

type Started = ReturnType<typeof start>;

function start(execa: typeof Execa, stage: Stage, { at, pipes, options }: Place) {
  const { diesWithUs = false } = options;
  const [file, args] = diesWithUs
    ? ['setpriv', ['--pdeathsig', 'KILL', '--', stage.file, ...stage.args]]
    : [stage.file, stage.args];
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    env: CHILD_ENVIRONMENT,
    extendEnv: false,
    // A process group of its own, so that a kill reaches what it has started too.
    detached: true,
    stdio: descriptors(stage, { at, pipes, options }),
    ...(stage.cwd === undefined ? {} : { cwd: stage.cwd }),
  });
  const stderr = keepEnds(child.stderr);
  const state = { ended: false };
  const end = child.then(({ exitCode, signal, code, failed }): StageEnd => {
    state.ended = true;
    const accepted = stage.okExits?.includes(exitCode ?? -1) ?? false;
    const missing = diesWithUs && exitCode === NOT_FOUND;
    return {
      ...{ stage, exitCode: exitCode ?? -1, signal, stderr: stderr() },
      code: missing ? 'ENOENT' : code,
      failed: failed && !accepted,
    };
  });
  return { child, end, state, stderr };
}

/** execa takes any descriptor here; its types name only the first few. */
function descriptors(stage: Stage, { at, pipes, options }: Place) {
  const stdin = at === 0 ? options.stdin : pipes[at - 1]?.readFd;
  const stdout = at === pipes.length ? options.stdout : pipes[at]?.writeFd;
  const inherited = (stage.fds ?? []) as readonly 3[];
  return [
    (stdin ?? 'ignore') as 'ignore',
    (stdout ?? 'pipe') as 'pipe',
    'pipe' as const,
    ...inherited,
  ] as const;
}

function together(started: readonly Started[]): Stages {
  const last = started.at(-1);
  return {
    output: (last?.child.stdout as Readable | null | undefined) ?? null,
    ended: Promise.all(started.map(({ end }) => end)),
    kill: () => {
      for (const { child, state } of started)
        if (child.pid !== undefined && !state.ended) killGroup(child.pid);
    },
    leave: () => {
      for (const { child } of started) leaveBehind(child);
    },
    stderrs: () => started.map(({ stderr }) => stderr()),
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended between our look and the signal.
  }
}
