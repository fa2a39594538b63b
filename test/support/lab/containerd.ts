import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processId, type ProcessId } from './processes.ts';
import type { LabPaths } from './record.ts';

/** dockerd takes this one, rather than start its own, wherever it is there. */
const SYSTEM_SOCKET = '/run/containerd/containerd.sock';

/** Where a lab's containerd has its socket, configuration and pid: dockerd's own choice below its exec root. */
export function containerdFiles({ execRoot }: LabPaths) {
  const directory = join(execRoot, 'containerd');
  const at = (name: string) => join(directory, name);
  return {
    directory,
    address: at('containerd.sock'),
    toml: at('containerd.toml'),
    pidFile: at('containerd.pid'),
  };
}

/** Starts a containerd for the lab where its dockerd would use the host's; the arguments of that dockerd. */
export function ownContainerd(paths: LabPaths): string[] {
  if (!existsSync(SYSTEM_SOCKET)) return [];
  const { directory, address, toml, pidFile } = containerdFiles(paths);
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const lines = [
    'version = 2',
    `root = ${JSON.stringify(join(paths.root, 'containerd'))}`,
    `state = ${JSON.stringify(join(directory, 'daemon'))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    '[grpc]',
    `address = ${JSON.stringify(address)}`,
  ];
  writeFileSync(toml, `${lines.join('\n')}\n`);
  const log = openSync(paths.log, 'a');
  const child = spawn('containerd', ['--config', toml], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.on('error', () => undefined);
  closeSync(log);
  child.unref();
  writeFileSync(pidFile, String(child.pid ?? 0));
  return [`--containerd=${address}`];
}

/** The containerd that serves this lab alone. */
export function containerdOf(paths: LabPaths): ProcessId | undefined {
  try {
    return processId(Number(readFileSync(containerdFiles(paths).pidFile, 'utf8')));
  } catch {
    return undefined;
  }
}
