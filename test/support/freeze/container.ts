import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cgroup } from '../../../src/quiesce/cgroup-path.ts';
import { isFrozen, startFreeze, tryThaw } from '../../../src/quiesce/freezer.ts';
import { sleep, until } from '../lab/run.ts';
import { hierarchy } from './available.ts';

/** What a frozen container cannot do: it counts in a file, without end and without forking. */
const COUNT = 'exec 3<>"$1/fifo"; while :; do printf . >>"$1/count"; read -t 0.002 -u 3; done';

/** A container without Docker: processes in a cgroup that is named after a container's id. */
export interface PlainContainer {
  readonly id: string;
  readonly name: string;
  /** Its first process. */
  readonly pid: number;
  readonly cgroup: Cgroup;
  /** True when every process of it counts on. */
  counts(): Promise<boolean>;
  frozen(): boolean;
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends its first process. */
  kill(): Promise<void>;
  remove(): Promise<void>;
}

export interface PlainOptions {
  readonly version?: 1 | 2;
  /** Its first process has moved itself into a child cgroup; a second one has stayed. */
  readonly escaped?: boolean;
}

/** Starts one; `remove` it in a hook. The default version is what the machine's Docker would use. */
export async function startPlain(options: PlainOptions = {}): Promise<PlainContainer> {
  const version = options.version ?? (hierarchy(1) === null ? 2 : 1);
  const id = randomBytes(32).toString('hex');
  const path = `${hierarchy(version) ?? ''}/docker-${id}.scope`;
  const children = options.escaped ? [join(path, 'init'), path] : [path];
  const counters = children.map((directory) => startCounter(directory));
  const started = await Promise.all(counters);
  return describe(id, { path, version }, { children, started });
}

interface Counter {
  readonly process: ChildProcess;
  readonly directory: string;
}

async function startCounter(cgroup: string): Promise<Counter> {
  mkdirSync(cgroup, { recursive: true });
  const directory = mkdtempSync(join(tmpdir(), 'counter-'));
  const child = spawn('bash', ['-c', `mkfifo "$1/fifo"; ${COUNT}`, 'bash', directory], {
    stdio: 'ignore',
  });
  writeFileSync(join(cgroup, 'cgroup.procs'), String(child.pid));
  await until('the counter', () => readCount(directory) > 0, { everyMs: 5 });
  return { process: child, directory };
}

function readCount(directory: string): number {
  try {
    return statSync(join(directory, 'count')).size;
  } catch {
    return 0;
  }
}

interface Parts {
  readonly children: readonly string[];
  readonly started: readonly Counter[];
}

function describe(id: string, cgroup: Cgroup, { children, started }: Parts): PlainContainer {
  const counts = () => started.map(({ directory }) => readCount(directory));
  return {
    id,
    name: `plain-${id.slice(0, 6)}`,
    pid: started[0]?.process.pid ?? 0,
    cgroup,
    counts: async () => {
      const before = counts();
      await sleep(60);
      return counts().every((count, index) => count > (before[index] ?? 0));
    },
    frozen: () => isFrozen(cgroup),
    freeze: async () => {
      await until('frozen', () => frozenAnew(cgroup), { everyMs: 1 });
    },
    thaw: () => void tryThaw(cgroup),
    kill: () => end(started[0]),
    remove: async () => {
      tryThaw(cgroup);
      await Promise.all(started.map(end));
      for (const path of children) await until('empty', () => removed(path), { everyMs: 5 });
      for (const { directory } of started) rmSync(directory, { recursive: true });
    },
  };
}

/** Begun with every look: a guard that thaws between two looks would leave us waiting for ever. */
function frozenAnew(cgroup: Cgroup): boolean {
  startFreeze(cgroup);
  return isFrozen(cgroup);
}

async function end(counter: Counter | undefined): Promise<void> {
  const child = counter?.process;
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
}

function removed(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
