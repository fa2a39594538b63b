import { labProblem } from '../lab/available.ts';

const TOOLS = [
  'losetup',
  'mkfs.btrfs',
  'btrfs',
  'sqlite3',
  'unshare',
  'nsenter',
  'setpriv',
  'prlimit',
  'python3',
];

/** First line of a test file that needs a btrfs image: ends the file as skipped where there can be none. */
export function requireTools(): void {
  const problem = labProblem(TOOLS);
  if (problem === undefined) return;
  console.log(`SKIP ALL: ${problem}`);
  process.exit(0);
}
