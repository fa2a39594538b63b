import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAgent, type Agent, type AgentOptions } from './agent.ts';
import { runCowherd, spawnCowherd, type CowherdOptions, type CowherdResult } from './cowherd.ts';
import { containerdOf } from './containerd.ts';
import { dockerEnvironment, spawnDaemon, waitForDaemon } from './daemon.ts';
import { makeDisk, parseSize } from './filesystem.ts';
import { importAgentImage } from './image.ts';
import { guardStart, stopLive } from './live.ts';
import {
  capturesPlain,
  dataRootOf,
  labFilesystem,
  labPaths,
  writeRecord,
  type LabFilesystem,
  type LabLayout,
  type LabPaths,
  type LabRecord,
} from './record.ts';
import { must, run, type RunOptions, type RunResult } from './run.ts';

export interface LabOptions {
  /** Default: a random one. */
  readonly name?: string;
  readonly layout?: LabLayout;
  /** Default: {@link labFilesystem}. */
  readonly fs?: LabFilesystem;
  /** Of the sparse image, as `4G`. */
  readonly size?: string;
  /** Further arguments of mkfs, or of `zpool create`. */
  readonly mkfs?: readonly string[];
  /** Agents to start at once; default none. */
  readonly agents?: readonly (string | AgentOptions)[];
  /** The lab outlives this process, as `scripts/lab start` wants it. */
  readonly keep?: boolean;
}

/** A throw-away file system with a private dockerd on it. */
export interface Lab {
  readonly name: string;
  readonly root: string;
  /** Where the file system is mounted. */
  readonly mnt: string;
  readonly dataRoot: string;
  readonly socket: string;
  readonly config: string;
  readonly state: string;
  readonly filesystem: LabFilesystem;
  /** On ZFS the pool's guid. */
  readonly fsUuid: string;
  /** The loop device; on ZFS the pool's name. */
  readonly device: string;
  /** The docker command in the lab: stdout without the last newline; throws for a status but 0. */
  docker(args: readonly string[]): Promise<string>;
  /** The same, where failing is an answer. */
  tryDocker(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** `cowherd ARGS` of this checkout on the lab's configuration. */
  cowherd<T = unknown>(args: readonly string[], options?: LabRunOptions): Promise<CowherdResult<T>>;
  /** `cowherd ARGS` as a child process, stdout and stderr piped. */
  spawnCowherd(
    args: readonly string[],
    config?: string,
    env?: Readonly<Record<string, string>>,
  ): ChildProcess;
  /** Writes ROOT/NAME.yaml: the lab's configuration with these top-level keys on top; its path. */
  writeConfig(name: string, keys: Readonly<Record<string, unknown>>): string;
  startAgent(options: AgentOptions): Promise<Agent>;
  /** Removes everything; safe to repeat. */
  stop(): Promise<void>;
}

export interface LabRunOptions extends CowherdOptions {
  readonly config?: string;
}

/** Starts a lab; whatever goes wrong, nothing of it stays. */
export function startLab(options: LabOptions = {}): Promise<Lab> {
  const name = options.name ?? `t${randomBytes(4).toString('hex')}`;
  const paths = labPaths(name);
  const fs = options.fs ?? labFilesystem();
  if (!['btrfs', 'zfs'].includes(fs) && options.layout === 'subvol') {
    throw new Error(`${fs} has no layout subvol`);
  }
  mkdirSync(paths.root, { mode: 0o711 });
  return guardStart(name, options.keep ?? false, (signal) =>
    build(paths, { ...options, fs, name }, signal),
  );
}

async function build(
  paths: LabPaths,
  options: LabOptions & { readonly name: string; readonly fs: LabFilesystem },
  signal: AbortSignal,
): Promise<Lab> {
  const { fs: filesystem, layout = 'top', mkfs = [] } = options;
  const sizeBytes = parseSize(options.size ?? '4G');
  const fsUuid = filesystem === 'zfs' ? '' : randomUUID();
  const createdAt = new Date().toISOString();
  let record: LabRecord = { name: options.name, filesystem, layout, fsUuid, createdAt };
  const note = (more: Partial<LabRecord>) => {
    record = { ...record, ...more };
    writeRecord(paths, record);
    signal.throwIfAborted();
  };
  note({});
  const disk = { filesystem, layout, fsUuid, sizeBytes, mkfs };
  const device = await makeDisk(paths, disk, note);
  signal.throwIfAborted();
  const dockerd = spawnDaemon(paths, dataRootOf(paths, layout));
  note({ dockerd });
  await waitForDaemon(paths, dockerd);
  const containerd = containerdOf(paths);
  note(containerd ? { containerd } : {});
  await importAgentImage(paths);
  signal.throwIfAborted();
  return furnish(describeLab(paths, record, device), options.agents ?? [], signal);
}

async function furnish(
  lab: Lab,
  agents: readonly (string | AgentOptions)[],
  signal: AbortSignal,
): Promise<Lab> {
  mkdirSync(lab.state, { mode: 0o700 });
  lab.writeConfig('cowherd', {});
  for (const agent of agents) {
    signal.throwIfAborted();
    await lab.startAgent(typeof agent === 'string' ? { name: agent } : agent);
  }
  return lab;
}

function describeLab(paths: LabPaths, record: LabRecord, device: string): Lab {
  const env = dockerEnvironment(paths);
  const docker = (args: readonly string[]) => must(['docker', ...args], { env });
  const { root, mnt, socket, config, state } = paths;
  const { filesystem, fsUuid } = record;
  return {
    ...{ name: record.name, root, mnt, socket, config, state, filesystem, fsUuid, device },
    dataRoot: dataRootOf(paths, record.layout),
    docker,
    tryDocker: (args, options) => run(['docker', ...args], { ...options, env }),
    cowherd: (args, options) => runCowherd(options?.config ?? config, args, options),
    spawnCowherd: (args, file = config, env = {}) => spawnCowherd(file, args, env),
    writeConfig: (name, keys) => writeConfig(paths, record.name, { name, keys }),
    startAgent: async (options) => {
      const agent = await startAgent(docker, options);
      if (options.capturable && !capturesPlain(filesystem)) await adopt(config, agent);
      return agent;
    },
    stop: () => stopLive(record.name),
  };
}

async function adopt(config: string, { name }: Agent): Promise<void> {
  const argv = ['adopt', name, '--include-users', '--yes'];
  const { exitCode, stdout, stderr } = await runCowherd(config, argv);
  if (exitCode !== 0) throw new Error(`adopt ${name}: ${stdout}${stderr}`);
}

/** A JSON document is a YAML document. */
function writeConfig(
  paths: LabPaths,
  lab: string,
  { name, keys }: { name: string; keys: Readonly<Record<string, unknown>> },
): string {
  const file = join(paths.root, `${name}.yaml`);
  const base = { host: `lab-${lab}`, docker: { socket: paths.socket }, state: paths.state };
  writeFileSync(file, `${JSON.stringify({ ...base, ...keys }, null, 2)}\n`, { mode: 0o600 });
  return file;
}
