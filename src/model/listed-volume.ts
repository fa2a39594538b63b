import { posix } from 'node:path';
import type { Container, Volume } from './agent.ts';
import { isWithin } from './agent.ts';
import { encodeName } from './names.ts';

/** A volume as Docker lists it. */
export interface ListedVolume {
  readonly name: string;
  readonly driver: string;
  readonly mountpoint: string;
  readonly createdAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Driver options (`type`, `o`, `device`). */
  readonly options: Readonly<Record<string, string>>;
}

/** A listed volume before anybody looked who mounts it (`users` empty). */
export function toVolume(listed: ListedVolume): Volume {
  return {
    name: listed.name,
    kind: 'docker',
    role: roleOf(listed),
    mountpoint: bindDevice(listed) ?? listed.mountpoint,
    createdAt: listed.createdAt,
    labels: listed.labels,
    unsupported: unsupportedReason(listed),
    users: [],
  };
}

/** A host directory of `agents.paths` as a volume, named by its path. */
export function pathVolume(path: string): Volume {
  const place = { name: path, kind: 'path', role: path, mountpoint: path } as const;
  return { ...place, createdAt: null, labels: {}, unsupported: null, users: [] };
}

/** True for a volume that Docker named itself (`-v /data`, VOLUME): 64 hex digits. */
export function isAnonymous(volume: Pick<Volume, 'name'>): boolean {
  return /^[0-9a-f]{64}$/.test(volume.name);
}

/**
 * Containers with the source of each mount where its data really is: Docker names `_data` for a
 * bind-type local volume, whose data are at the device path.
 */
export function atDevicePaths(
  containers: readonly Container[],
  volumes: readonly ListedVolume[],
): readonly Container[] {
  const moved = new Map(
    volumes.flatMap((listed) => {
      const device = bindDevice(listed);
      return device === null
        ? []
        : [[listed.name, { from: listed.mountpoint, to: device }] as const];
    }),
  );
  return containers.map((container) => ({
    ...container,
    mounts: container.mounts.map((mount) => {
      const move = moved.get(mount.volume ?? '');
      if (move === undefined || !isWithin(mount.source, move.from)) return mount;
      return { ...mount, source: move.to + mount.source.slice(move.from.length) };
    }),
  }));
}

/** An absolute path without `.`, `..`, doubled or trailing slashes. */
export function normalPath(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, '');
}

/** `trinity.platform=agent-workspace` → `workspace`, else compose's name of it, else its own. */
function roleOf({ name, labels }: ListedVolume): string {
  const platform = labels['trinity.platform'] ?? '';
  if (/^agent-./.test(platform)) return encodeName(platform.slice('agent-'.length));
  return encodeName(labels['com.docker.compose.volume'] ?? '') || name;
}

/** The device of `type=none,o=bind,device=/x` without a trailing slash, or null for any other volume. */
function bindDevice({ driver, options }: ListedVolume): string | null {
  const flags = (options['o'] ?? '').split(',');
  const device = options['device'] ?? '';
  const bound = driver === 'local' && (flags.includes('bind') || flags.includes('rbind'));
  return bound && device.startsWith('/') ? normalPath(device) : null;
}

/** Why the data are not a directory of this host that stays when nothing mounts it (docker-volume-create(1)). */
function unsupportedReason(listed: ListedVolume): string | null {
  const { driver, options, mountpoint } = listed;
  if (bindDevice(listed) !== null) return null;
  if (driver !== 'local') return `its volume driver is ${driver}, not local`;
  const type = options['type'] ?? '';
  if (type !== '' && type !== 'none')
    return `it is a ${type} mount that exists only while it is used`;
  if ((options['device'] ?? '') !== '') return `it mounts the device ${options['device'] ?? ''}`;
  return mountpoint.startsWith('/') ? null : 'Docker names no mountpoint of it on this host';
}
