import type { Container, Volume } from './agent.ts';
import { mountsOf } from './agent.ts';

/** A container that mounts a volume, and whether any of its mounts may write. */
export interface Use {
  readonly container: Container;
  readonly writable: boolean;
}

/** Who uses each volume, by volume name, containers by name; empty lists for the unused. */
export type Usage = ReadonlyMap<string, readonly Use[]>;

/**
 * Users are the containers that mount a volume itself, a part of it, or bind a path at or below its data,
 * read-only or not. A bind of a directory above it (`/`, `/var/lib/docker`: monitoring, backups, Docker
 * consoles) makes no user: nothing an agent does with its data stops such a container (see `overseers`).
 */
export function usageOf(containers: readonly Container[], volumes: readonly Volume[]): Usage {
  const sorted = [...containers].sort(byName);
  return new Map(volumes.map((volume) => [volume.name, usesOf(volume, sorted)]));
}

function usesOf(volume: Volume, containers: readonly Container[]): readonly Use[] {
  return containers.flatMap((container) => {
    const mounts = mountsOf(container, volume);
    if (mounts.length === 0) return [];
    return [{ container, writable: mounts.some((mount) => mount.writable) }];
  });
}

/** Containers that could write to a volume through a bind of a directory above it, by name. */
export function overseers(containers: readonly Container[], volume: Volume): readonly string[] {
  const above = (source: string) =>
    source === '/' || (source !== '' && volume.mountpoint.startsWith(`${source}/`));
  return containers
    .filter((container) =>
      container.mounts.some(
        (mount) => mount.type === 'bind' && mount.writable && above(mount.source),
      ),
    )
    .map((container) => container.name)
    .sort();
}

/** Order of things by name, the same on every machine. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
