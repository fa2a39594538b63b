import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { EMULATED } from '../lab/emulated.ts';
import { must } from '../lab/run.ts';

const TOOLS = { btrfs: ['btrfs', '--version'], zfs: ['zfs', 'version'] } as const;

/** One line: what figures of this machine are worth. */
export async function describeMachine(filesystem: 'btrfs' | 'zfs'): Promise<string> {
  const cores = cpus();
  const memory = `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`;
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  const [docker] = (await must(['dockerd', '--version'])).split(',');
  const [tools] = (await must(TOOLS[filesystem])).split('\n');
  return [
    `${String(cores.length)} × ${cores[0]?.model.trim() ?? 'unknown processor'}, ${memory}`,
    `${system}, Linux ${release()}`,
    `${docker ?? ''}, ${tools ?? ''}, Node.js ${process.version}`,
    `${filesystem} on a sparse file${EMULATED ? ', all of it emulated: only ratios mean anything' : ''}`,
  ].join('; ');
}
