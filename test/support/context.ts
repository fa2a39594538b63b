import { randomBytes } from 'node:crypto';
import { loadConfig } from '../../src/config/load.ts';
import { connectDocker } from '../../src/docker/connect.ts';
import type { Docker } from '../../src/docker/docker.ts';
import { readMounts } from '../../src/storage/mounts.ts';
import { openStores } from '../../src/storage/stores.ts';
import type { Context } from '../../src/usecases/context.ts';
import { zfsParentIn } from '../../src/usecases/zfs-parent.ts';
import type { Lab } from './lab/lab.ts';

export interface TestContext extends Context {
  /** What `tell` was told. */
  readonly told: readonly string[];
}

export interface ContextOptions {
  /** Default: the lab's own. */
  readonly config?: string;
  /** Default /run/cowherd, which the lab's `cowherd` uses too; one below `lab.root` sees this lab's freezes alone. */
  readonly runtimeDir?: string;
  /** Parts that a test replaces: a clock, an interrupt. */
  readonly over?: Partial<Context>;
}

/** A real Context for a lab: its config, its Docker, the real drivers. */
export async function labContext(
  lab: Pick<Lab, 'config'>,
  options: ContextOptions = {},
): Promise<TestContext> {
  const { runtimeDir = '/run/cowherd' } = options;
  const config = await loadConfig({
    file: options.config ?? lab.config,
    env: {},
    hostname: 'test-host',
  });
  const told: string[] = [];
  const docker = once(async () =>
    config.docker === null ? null : connectDocker(config.docker.socket),
  );
  const now = (): Date => new Date();
  const random = (): string => randomBytes(6).toString('hex');
  const parentIn = async (pool: string): Promise<string> =>
    zfsParentIn(pool, { config, docker, mounts: readMounts });
  return {
    config,
    docker,
    openStore: openStores({ runtimeDir, archives: config.archives, parentIn, now, random }),
    mounts: readMounts,
    runtimeDir,
    version: '0.0.0-test',
    host: config.host,
    waitMs: 0,
    interrupt: new AbortController().signal,
    now,
    ticks: () => performance.now(),
    random,
    tell: (line) => told.push(line),
    told,
    ...options.over,
  };
}

function once(connect: () => Promise<Docker | null>): () => Promise<Docker | null> {
  let docker: Promise<Docker | null> | undefined;
  return () => (docker ??= connect());
}
