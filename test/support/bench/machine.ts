import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { must } from '../lab/run.ts';

/** One line: what figures of this machine are worth. */
export async function describeMachine(): Promise<string> {
  const cores = cpus();
  const memory = `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`;
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  const [docker] = (await must(['dockerd', '--version'])).split(',');
  const [btrfs] = (await must(['btrfs', '--version'])).split('\n');
  return [
    `${String(cores.length)} × ${cores[0]?.model.trim() ?? 'unknown processor'}, ${memory}`,
    `${system}, Linux ${release()}`,
    `${docker ?? ''}, ${btrfs ?? ''}, Node.js ${process.version}`,
    'btrfs on a loop device',
  ].join('; ');
}
