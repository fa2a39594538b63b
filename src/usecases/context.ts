import type { Config } from '../config/schema.ts';
import type { Docker } from '../docker/docker.ts';
import type { Mount } from '../model/mountinfo.ts';
import type { Store } from '../storage/driver.ts';

/** What every use-case is given: the outside world, as `compose.ts` built it. */
export interface Context {
  readonly config: Config;
  /** Connects on first use; null with `docker: none`. Throws DOCKER_UNREACHABLE. */
  readonly docker: () => Promise<Docker | null>;
  /** Opens a filesystem's store, once. */
  readonly openStore: (fsId: string) => Promise<Store>;
  readonly mounts: () => Promise<readonly Mount[]>;
  readonly runtimeDir: string;
  readonly version: string;
  readonly host: string;
  /** `--wait`, 0 without. */
  readonly waitMs: number;
  /** Aborts on SIGINT and SIGTERM. */
  readonly interrupt: AbortSignal;
  /** Wall clock. */
  readonly now: () => Date;
  /** Monotonic milliseconds. */
  readonly ticks: () => number;
  /** Hex digits that were never used before. */
  readonly random: () => string;
  /** One line to a person, on stderr. */
  readonly tell: (line: string) => void;
}
