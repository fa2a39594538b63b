import type { ContainerState } from '../model/agent.ts';
import type { Cgroup } from './cgroup-path.ts';

/** A container as its freezing needs it; `pid` 0 when it does not run. */
export interface ContainerStatus {
  readonly pid: number;
  readonly state: ContainerState;
  readonly startedAt: string;
}

/** What the bracket asks of Docker; every call is bounded in time and throws DOCKER_UNREACHABLE or TOOL_FAILED. */
export interface ContainerPort {
  /** Null when there is no such container (any more). */
  inspect(id: string): Promise<ContainerStatus | null>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  /** Docker's unix socket, by which the guard unpauses; null when there is none. */
  readonly socket: string | null;
}

/** One container that is to be frozen, as the record and the guard know it. `cgroup` null: only Docker can thaw it. */
export interface FreezeTarget {
  readonly containerId: string;
  readonly name: string;
  readonly method: 'cgroup' | 'pause';
  readonly cgroup: Cgroup | null;
}
