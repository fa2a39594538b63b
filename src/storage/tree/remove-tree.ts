import { run } from '../../exec/run.ts';

const TIMEOUT_MS = 6 * 60 * 60_000;

/** Removes a plain tree with everything in it, immutable files too; other filesystems are not entered. */
export async function removeTree(path: string): Promise<void> {
  await run('chattr', ['-R', '-f', '-i', '-a', '--', path], { okExits: [1] });
  const options = { timeoutMs: TIMEOUT_MS, diesWithUs: true };
  await run('rm', ['-r', '-f', '--one-file-system', '--', path], options);
}
