import { existsSync } from 'node:fs';

const HIERARCHIES = { 1: '/sys/fs/cgroup/freezer', 2: v2Root() };

/** Where this machine has a hierarchy that freezes, or null. */
export function hierarchy(version: 1 | 2): string | null {
  const path = HIERARCHIES[version];
  return existsSync(`${path}/cgroup.procs`) ? path : null;
}

/** First line of a test file that freezes processes: ends the file as skipped where that cannot be. */
export function requireFreezer(): void {
  const possible = process.getuid?.() === 0 && (hierarchy(1) ?? hierarchy(2)) !== null;
  if (possible) return;
  console.log('SKIP ALL: freezing needs root and a cgroup freezer');
  process.exit(0);
}

function v2Root(): string {
  return existsSync('/sys/fs/cgroup/unified') ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup';
}
