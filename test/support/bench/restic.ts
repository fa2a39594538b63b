import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';

/** A restic repository on the lab's own file system. */
export interface Restic {
  backup(directory: string): Promise<void>;
  /** Milliseconds of a restore of what was backed up last into an empty directory, which goes again. */
  restoreMs(): Promise<number>;
}

/** Creates the repository. */
export async function createRestic(lab: Lab): Promise<Restic> {
  const password = join(lab.root, 'restic-password');
  writeFileSync(password, 'only a benchmark\n', { mode: 0o600 });
  const repository = join(lab.mnt, 'restic');
  const base = [
    'restic',
    '--no-cache',
    '--quiet',
    '--repo',
    repository,
    '--password-file',
    password,
  ];
  const restic = (...args: string[]) => must([...base, ...args], { timeoutMs: 600_000 });
  await restic('init');
  return {
    backup: async (directory) => {
      await restic('backup', directory);
    },
    restoreMs: async () => {
      const target = join(lab.mnt, 'restored');
      const begin = performance.now();
      await restic('restore', 'latest', '--target', target);
      const ms = performance.now() - begin;
      rmSync(target, { recursive: true });
      return ms;
    },
  };
}
