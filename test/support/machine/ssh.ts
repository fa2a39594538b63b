import { connect } from 'node:net';
import type { MachinePaths } from './record.ts';

export interface RemoteOptions {
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string;
}

/** ssh as root into a machine, without a command; uses nothing of the user's own configuration. */
export function sshArgv(paths: MachinePaths, port: number): string[] {
  const options = {
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: paths.knownHosts,
    HostKeyAlias: 'cowherd-zfs',
    LogLevel: 'ERROR',
    ConnectTimeout: '60',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '8',
    ControlPath: paths.control.length < 85 ? paths.control : 'none',
  };
  const settings = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const target = ['-p', String(port), 'root@127.0.0.1'];
  return ['ssh', '-F', 'none', '-i', paths.key, ...settings, ...target];
}

/** One line for the remote shell that runs argv exactly. */
export function remoteCommand(
  argv: readonly string[],
  { env = {}, cwd = '/' }: RemoteOptions,
): string {
  const variables = Object.entries(env)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value ?? ''}`);
  return `cd ${quote(cwd)} && exec env ${[...variables, ...argv].map(quote).join(' ')}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** True when an ssh server greets on this loopback port; QEMU itself accepts before there is one. */
export function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 5_000 });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('data', (data) => {
      answer(data.toString().startsWith('SSH-'));
    });
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => answer(false));
  });
}
