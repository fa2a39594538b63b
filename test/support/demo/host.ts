import { labProblem } from '../lab/available.ts';
import { startLab, type Lab } from '../lab/lab.ts';
import { isAlive } from '../lab/processes.ts';
import { labFilesystem, labNames } from '../lab/record.ts';
import { stopLab } from '../lab/stop.ts';

/** Throws what to do where no throw-away host can be made. */
export function requireDemoHost(): void {
  const filesystem = labFilesystem();
  if (!['btrfs', 'zfs'].includes(filesystem)) throw new Error(`no demo on ${filesystem} yet`);
  const problem = labProblem();
  if (problem !== undefined)
    throw new Error(`${problem} (the demo makes a file system and runs a Docker of its own)`);
}

/** Removes the hosts of demos that were killed before they could; those of living demos stay. */
export async function removeDeadDemos(): Promise<void> {
  for (const name of labNames()) {
    const [, pid, startTicks] = /^demo-(\d+)-(\d+)$/.exec(name) ?? [];
    if (pid === undefined) continue;
    if (!isAlive({ pid: Number(pid), startTicks: Number(startTicks) })) await stopLab(name);
  }
}

/** Two agents under load: alpha, which will have an accident, and its neighbour beta. */
export function startDemoLab(name: string): Promise<Lab> {
  const healthcheck = {};
  return startLab({
    name,
    agents: [
      { name: 'alpha', env: { LAB_BURST: '20' }, healthcheck },
      { name: 'beta', healthcheck },
    ],
  });
}
