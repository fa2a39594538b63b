import { existsSync } from 'node:fs';
import { labProblem } from '../lab/available.ts';

/** Why there can be no pool on this machine, or undefined. */
export function zfsProblem(): string | undefined {
  const problem = labProblem(['zfs', 'zpool']);
  if (problem?.startsWith('not installed') === true || !existsSync('/dev/zfs'))
    return 'OpenZFS is not installed here';
  return problem ?? labProblem(['mount.zfs', 'chattr', 'sqlite3']);
}

/** First line of a test file that needs a pool: ends the file as skipped where there can be none. */
export function requireZfs(): void {
  const problem = zfsProblem();
  if (problem === undefined) return;
  console.log(`SKIP ALL: ${problem}`);
  process.exit(0);
}
