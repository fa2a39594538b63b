/** Integration tests that the ZFS machine runs each time: the main job and its kills, together about a quarter of an hour under emulation. */
export const ZFS_SUITES: readonly string[] = [
  'test/integration/rollback.test.ts',
  'test/integration/snapshot.test.ts',
  'test/integration/adopt.test.ts',
  'test/integration/kill-rollback.test.ts',
  'test/integration/kill-adopt.test.ts',
  'test/integration/kill-snapshot.test.ts',
];

/** Those that run there besides in a soak. */
export const ZFS_SOAK_SUITES: readonly string[] = [
  'test/integration/lab.test.ts',
  'test/integration/history.test.ts',
  'test/integration/rollback-containers.test.ts',
  'test/integration/rollback-health.test.ts',
  'test/integration/rollback-refusals.test.ts',
  'test/integration/interrupt.test.ts',
  'test/integration/concurrency.test.ts',
  'test/integration/disk-full.test.ts',
  'test/integration/docker-gone.test.ts',
  'test/integration/freeze-docker.test.ts',
  'test/integration/hooks.test.ts',
  'test/integration/locks.test.ts',
  'test/integration/paths.test.ts',
];
