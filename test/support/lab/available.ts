import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

const TOOLS = ['docker', 'dockerd', 'losetup', 'mkfs.btrfs', 'busybox', 'sqlite3'];

/** Why there can be no lab on this machine, or undefined. */
export function labProblem(tools: readonly string[] = TOOLS): string | undefined {
  if (process.getuid?.() !== 0) return 'labs need root';
  const missing = tools.filter((tool) => !isInstalled(tool));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/** First line of a test file that needs a lab: ends the file as skipped where there can be none. */
export function requireLab(): void {
  const problem = labProblem();
  if (problem === undefined) return;
  console.log(`SKIP ALL: ${problem}`);
  process.exit(0);
}

function isInstalled(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
