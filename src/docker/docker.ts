import type { Container } from '../model/agent.ts';
import type { DockerEvent } from './events.ts';
import type { ListedVolume } from '../model/listed-volume.ts';

/** A container as one inspect tells it: what freezing, stopping and health need beyond the listing. */
export interface ContainerDetails extends Container {
  /** Host pid of its first process; 0 when it does not run. */
  readonly pid: number;
  readonly startedAt: string;
  readonly restartCount: number;
  /** `--rm`: stopping it removes it and its anonymous volumes. */
  readonly autoRemove: boolean;
  /** `no`, `always`, `unless-stopped`, `on-failure`. */
  readonly restartPolicy: string;
  /** Its own stop timeout in seconds, or null for Docker's default (10 s). */
  readonly stopTimeoutS: number | null;
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** Longest time (ms) its HEALTHCHECK may take to say unhealthy: start_period + (retries+1)×(interval+timeout); null without one. */
  readonly healthWindowMs: number | null;
  readonly exitCode: number;
  /** `container:<id>` of another container whose namespaces (network, ipc or pid) it joined, by container id; empty if none. */
  readonly joins: readonly string[];
  /** OCI runtime (`runc`, `runsc`, `kata`): a sandboxed one does not share SQLite's lock memory. */
  readonly runtime: string;
}

/** A volume as Docker lists it. */
export type DockerVolume = ListedVolume;

export interface DockerInfo {
  readonly dataRoot: string;
  readonly serverVersion: string;
  /** Storage driver of the layers (`overlay2`, `btrfs`, `zfs`). */
  readonly storageDriver: string;
  readonly liveRestore: boolean;
}

export interface ExecResult {
  readonly exitCode: number;
  /** The last few KiB of stdout and stderr together. */
  readonly output: string;
}

/**
 * What Cowherd asks of Docker. Every method throws DOCKER_UNREACHABLE when the daemon does not answer
 * (each call is bounded in time) and TOOL_FAILED with Docker's own words when it refuses.
 */
export interface Docker {
  info(): Promise<DockerInfo>;
  /** All containers, stopped ones too, as one listing; `networkMode` and mounts included. */
  containers(): Promise<readonly Container[]>;
  volumes(): Promise<readonly DockerVolume[]>;
  /** Null when there is no such container (any more). `idOrName`. */
  inspect(idOrName: string): Promise<ContainerDetails | null>;
  /** Repo digests of an image id (`name@sha256:…`), empty if it has none or is gone. */
  imageDigests(imageId: string): Promise<readonly string[]>;
  /** Creates a volume of the local driver; there already is success, and keeps its labels. */
  createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Stops with the container's own timeout, then kills; resolves when it is down. Not running is success. */
  stop(id: string): Promise<void>;
  /** Already running is success. */
  start(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  /** Runs argv in a container without a tty; on timeout HOOK_FAILED (the process in the container may go on). */
  exec(id: string, argv: readonly string[], timeoutMs: number): Promise<ExecResult>;
  /** From now on; ends when the signal aborts or Docker goes away. */
  events(signal: AbortSignal): AsyncIterable<DockerEvent>;
}
