import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { ownContainerd } from './containerd.ts';
import { isAlive, processId, type ProcessId } from './processes.ts';
import type { LabPaths } from './record.ts';
import { until } from './run.ts';

/** The environment in which the docker command speaks to the lab and leaves nothing in the home. */
export function dockerEnvironment(paths: LabPaths): Record<string, string> {
  return { DOCKER_HOST: `unix://${paths.socket}`, DOCKER_CONFIG: paths.dockerConfig };
}

/** Starts dockerd in a session of its own; it outlives us. */
export function spawnDaemon(paths: LabPaths, dataRoot: string): ProcessId {
  mkdirSync(paths.dockerConfig, { recursive: true });
  writeFileSync(join(paths.root, 'daemon.json'), '{}\n');
  const argv = [...daemonArguments(paths, dataRoot), ...ownContainerd(paths)];
  const log = openSync(paths.log, 'a');
  const child = spawn('dockerd', argv, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, HOME: paths.root, ...dockerEnvironment(paths) },
  });
  child.on('error', () => undefined);
  closeSync(log);
  child.unref();
  const id = child.pid === undefined ? undefined : processId(child.pid);
  if (id === undefined) throw new Error('dockerd does not start: is docker.io installed?');
  return id;
}

/** The flag by which this lab's dockerd is known. */
export function pidFileFlag(paths: LabPaths): string {
  return `--pidfile=${paths.pidFile}`;
}

function daemonArguments(paths: LabPaths, dataRoot: string): string[] {
  return [
    `--config-file=${join(paths.root, 'daemon.json')}`,
    `--data-root=${dataRoot}`,
    `--exec-root=${paths.execRoot}`,
    `--host=unix://${paths.socket}`,
    pidFileFlag(paths),
    '--bridge=none',
    '--iptables=false',
  ];
}

/** Returns when the API answers; throws with the end of the log when it does not within two minutes. */
export async function waitForDaemon(paths: LabPaths, dockerd: ProcessId): Promise<void> {
  try {
    await until(
      'the Docker API answers',
      async () => {
        if (!isAlive(dockerd)) throw new Error('dockerd ended');
        return ping(paths.socket);
      },
      { timeoutMs: 120_000 },
    );
  } catch (error) {
    const log = readFileSync(paths.log, 'utf8').trim().split('\n').slice(-15).join('\n');
    throw new Error(`${String(error)}\n${log}`, { cause: error });
  }
}

/** True when a Docker daemon answers at the socket. */
export function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => {
      resolve(false);
    });
    call.end();
  });
}
