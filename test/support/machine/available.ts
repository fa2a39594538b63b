import { arch } from 'node:os';
import { join } from 'node:path';
import { labProblem } from '../lab/available.ts';
import { must } from '../lab/run.ts';
import { isHostChosen } from './host.ts';
import { CHECKOUT } from './image.ts';

/** Why there can be no ZFS machine here, or undefined; what is only not installed yet is no reason. */
export function machineProblem(): string | undefined {
  if (isHostChosen()) return undefined;
  if (arch() !== 'x64') return `the ZFS machine needs an x86-64 host, this is ${arch()}`;
  return labProblem(['apt-get', 'unshare', 'setpriv', 'flock', 'mke2fs']);
}

/** First line of a test file that drives machines: ends the file as skipped where there can be none. */
export async function requireMachine(): Promise<void> {
  const problem = isHostChosen() ? 'COWHERD_ZFS=host: no machine' : machineProblem();
  if (problem !== undefined) {
    console.log(`SKIP ALL: ${problem}`);
    process.exit(0);
  }
  await must([join(CHECKOUT, 'scripts/setup'), '--zfs'], { timeoutMs: 600_000 });
}
