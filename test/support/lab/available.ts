import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { labFilesystem, type LabFilesystem } from './record.ts';

const TOOLS = ['docker', 'dockerd', 'busybox', 'sqlite3'];
const DISK_TOOLS: Readonly<Record<LabFilesystem, readonly string[]>> = {
  btrfs: ['losetup', 'mkfs.btrfs'],
  ext4: ['losetup', 'mkfs.ext4'],
  xfs: ['losetup', 'mkfs.xfs'],
  zfs: ['zpool', 'zfs'],
};

/** Why there can be no lab on this machine, or undefined. */
export function labProblem(
  tools: readonly string[] = [...TOOLS, ...DISK_TOOLS[labFilesystem()]],
): string | undefined {
  if (process.getuid?.() !== 0) return 'labs need root';
  const missing = tools.filter((tool) => !isInstalled(tool));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/** First line of a test file that needs a lab: ends the file as skipped where there can be none. */
export function requireLab(): void {
  const problem = labProblem();
  if (problem !== undefined) skipAll(problem);
}

/** The same for one that needs these tools and no lab. */
export function requireTools(tools: readonly string[]): void {
  const problem = labProblem(tools);
  if (problem !== undefined) skipAll(problem);
}

/** First line of a test file that is about what one filesystem has, `why`: ends it as skipped where labs are of another. */
export function requireFilesystem(filesystem: LabFilesystem, why: string): void {
  if (labFilesystem() !== filesystem) skipAll(`about ${filesystem}: ${why}`);
}

function skipAll(why: string): void {
  console.log(`SKIP ALL: ${why}`);
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
