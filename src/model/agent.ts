/** One mount of a container: what is mounted where. `source` is a host path. */
export interface ContainerMount {
  readonly type: string;
  /** The Docker volume's name, null for binds and tmpfs. */
  readonly volume: string | null;
  readonly source: string;
  /** Path inside the container. */
  readonly destination: string;
  readonly writable: boolean;
}

export type ContainerState =
  'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** A container as Docker lists it. `pid` 0 when it does not run or was not inspected. */
export interface Container {
  readonly id: string;
  /** Without Docker's leading slash. */
  readonly name: string;
  readonly state: ContainerState;
  readonly image: string;
  /** Content address of the image (`sha256:…`). */
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  /** `host`, `none`, `container:<id>` … */
  readonly networkMode: string;
}

/** A Docker volume, or a host directory of `agents.paths`. */
export interface Volume {
  readonly name: string;
  readonly kind: 'docker' | 'path';
  readonly role: string;
  /** Host path of its data: `_data`, the device path of a bind-type local volume, or the listed directory. */
  readonly mountpoint: string;
  /** Docker's CreatedAt (RFC 3339), null for a listed path. It changes whenever `_data` is renamed: no sign of another incarnation. */
  readonly createdAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Why no tier can capture it (nfs, cifs, tmpfs, foreign driver …), or null. */
  readonly unsupported: string | null;
  /** Every container that mounts it, of this agent or another, by name, sorted. */
  readonly users: readonly string[];
}

/** The consistency group: what is frozen, captured and rolled back together. */
export interface Agent {
  readonly name: string;
  /** Names this agent's volumes were known by before (a rename keeps old names and labels on the volumes). */
  readonly aliases: readonly string[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

/** Two kinds of source (label, compose project, volume) that yield one name: the first is the agent, none by exact name. */
export interface Ambiguity {
  readonly name: string;
  /** For people, the one that kept the name first: `label "shop"`. */
  readonly sources: readonly string[];
}

/** Everything Docker told in one pass. */
export interface Observation {
  readonly agents: readonly Agent[];
  /** All containers, also those of no agent: users of volumes are looked up here. */
  readonly containers: readonly Container[];
  /** Docker's data root, or null with `docker: none`. */
  readonly dataRoot: string | null;
  readonly ambiguous: readonly Ambiguity[];
  readonly warnings: readonly string[];
}

/** True while the container has processes, frozen or not. */
export function isAlive(container: Container): boolean {
  return (
    container.state === 'running' ||
    container.state === 'paused' ||
    container.state === 'restarting'
  );
}

/** The mounts by which a container uses a volume: its own name, or any source at or below its mountpoint. */
export function mountsOf(
  container: Container,
  volume: Pick<Volume, 'name' | 'kind' | 'mountpoint'>,
): readonly ContainerMount[] {
  return container.mounts.filter(
    (mount) =>
      (volume.kind === 'docker' && mount.volume === volume.name) ||
      isWithin(mount.source, volume.mountpoint),
  );
}

/** True when `path` is `directory` or lies below it (both absolute and normalized); nothing is within ''. */
export function isWithin(path: string, directory: string): boolean {
  if (directory === '') return false;
  return (
    path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
  );
}
