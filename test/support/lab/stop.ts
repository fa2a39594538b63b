import { existsSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { containerdFiles, containerdOf } from './containerd.ts';
import { dockerEnvironment, pidFileFlag, ping } from './daemon.ts';
import { detach, loops, mountsOf, unmount, type Disk } from './mounts.ts';
import { destroyPool, pools, poolSettled } from './pool.ts';
import {
  descendantsOf,
  endProcess,
  isAlive,
  processesWithArgument,
  type ProcessId,
} from './processes.ts';
import { labPaths, readRecord, type LabPaths, type LabRecord } from './record.ts';
import { must, run } from './run.ts';

/** Removes a lab in whatever state it is: all by recorded ids and exact paths; nothing to do is fine. */
export async function stopLab(name: string): Promise<void> {
  const paths = labPaths(name);
  if (!existsSync(paths.root)) return;
  const record = readRecord(paths);
  thawContainers(paths);
  await removeContainers(paths);
  await endDaemons(paths, record);
  await endShims(paths);
  await poolSettled(paths);
  const guid = record?.pool?.guid ?? null;
  const ownPools = (await pools()).filter(
    (pool) => pool.file === paths.image && (guid === null || pool.guid === guid),
  );
  const ownLoops = loops().filter(({ file }) => file === paths.image);
  await unmountAll(paths, [...ownLoops, ...ownPools], record);
  for (const pool of ownPools) await destroyPool(pool);
  for (const loop of ownLoops) await detach(loop);
  // Directories that datasets were mounted over are immutable.
  await run(['chattr', '-R', '-f', '-i', paths.root]);
  rmSync(paths.root, { recursive: true, force: true });
}

async function removeContainers(paths: LabPaths): Promise<void> {
  if (!(await ping(paths.socket))) return;
  const env = dockerEnvironment(paths);
  const ids = (await must(['docker', 'ps', '--all', '--quiet', '--no-trunc'], { env })).split('\n');
  const present = ids.filter(Boolean);
  if (present.length === 0) return;
  await run(['docker', 'rm', '--force', '--volumes', ...present], { env, timeoutMs: 60_000 });
}

async function endDaemons(paths: LabPaths, record: LabRecord | undefined): Promise<void> {
  const { toml } = containerdFiles(paths);
  const containerd = containerdOf(paths);
  const daemons = [
    ...(record?.dockerd && isAlive(record.dockerd) ? [record.dockerd] : []),
    ...processesWithArgument('dockerd', pidFileFlag(paths)),
    ...(containerd ? [containerd] : []),
    ...processesWithArgument('containerd', toml),
  ];
  for (const daemon of daemons) await endProcess(daemon, 20_000);
}

/** A shim outlives its daemons; it is known by the address of this lab's containerd. */
function shims(paths: LabPaths): ProcessId[] {
  return processesWithArgument('containerd-shim-runc-v2', containerdFiles(paths).address);
}

async function endShims(paths: LabPaths): Promise<void> {
  const left = shims(paths);
  for (const id of descendantsOf(left)) await endProcess(id);
  for (const id of left) await endProcess(id);
}

/** A frozen process cannot die: thaws what a capture that was killed left behind. */
function thawContainers(paths: LabPaths): void {
  for (const { pid } of descendantsOf(shims(paths))) {
    for (const line of readCgroups(pid)) thaw(line);
  }
}

function thaw(line: string): void {
  const [, controllers = '', path = ''] = line.split(':');
  if (!/[0-9a-f]{64}/.test(path)) return;
  if (controllers === 'freezer') write(`/sys/fs/cgroup/freezer${path}/freezer.state`, 'THAWED');
  if (controllers !== '') return;
  write(`/sys/fs/cgroup${path}/cgroup.freeze`, '0');
  write(`/sys/fs/cgroup/unified${path}/cgroup.freeze`, '0');
}

function readCgroups(pid: number): string[] {
  try {
    return readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8')
      .trim()
      .split('\n');
  } catch {
    return [];
  }
}

function write(path: string, text: string): void {
  if (existsSync(path)) writeFileSync(path, text);
}

async function unmountAll(
  paths: LabPaths,
  own: readonly Disk[],
  record: LabRecord | undefined,
): Promise<void> {
  for (const { target } of mountsOf(paths.root, own)) await unmount(target);
  const left = mountsOf(paths.root, own).map(({ target }) => target);
  if (left.length > 0) throw new Error(`still mounted: ${left.join(', ')}`);
  if (record === undefined || record.fsUuid === '') return;
  const privateMount = `/run/cowherd/fs/${record.fsUuid}`;
  if (existsSync(privateMount)) rmdirSync(privateMount);
  rmSync(`/run/cowherd/mount-${record.fsUuid}.lock`, { force: true });
}
