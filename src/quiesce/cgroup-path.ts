import { isWithin } from '../model/agent.ts';
import { parseMountinfo } from '../model/mountinfo.ts';
import type { Mount } from '../model/mountinfo.ts';

export type CgroupVersion = 1 | 2;

/** A freezer cgroup: its directory on this host and the interface it speaks. */
export interface Cgroup {
  readonly path: string;
  readonly version: CgroupVersion;
}

/** Where a process is, in each hierarchy that can freeze it; null where it is in none. Paths are the hierarchy's own. */
export type Membership = Readonly<Record<CgroupVersion, string | null>>;

/** A mounted hierarchy: `root` is the part of it that is seen at `mountPoint`. */
export interface CgroupMount {
  readonly version: CgroupVersion;
  readonly root: string;
  readonly mountPoint: string;
}

/** `/proc/<pid>/cgroup` (cgroups(7)): `6:freezer:/docker/<id>` is version 1, `0::/docker/<id>` version 2. */
export function parseMembership(text: string): Membership {
  const found: Record<CgroupVersion, string | null> = { 1: null, 2: null };
  for (const line of text.split('\n')) {
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers?.split(',').includes('freezer') === true) found[1] = path;
    if (hierarchy === '0' && controllers === '') found[2] = path;
  }
  return found;
}

/** The freezer (v1) and unified (v2) mounts in `/proc/self/mountinfo`, in its order. */
export function parseCgroupMounts(mountinfo: string): readonly CgroupMount[] {
  return parseMountinfo(mountinfo).flatMap((mount) => {
    const version = versionOf(mount);
    return version === null ? [] : [{ version, root: mount.root, mountPoint: mount.mountPoint }];
  });
}

function versionOf({ fstype, superOptions }: Mount): CgroupVersion | null {
  if (fstype === 'cgroup2') return 2;
  return fstype === 'cgroup' && superOptions.includes('freezer') ? 1 : null;
}

/**
 * The container's own cgroup above (or at) `path`: the topmost one named after its id, so that a child it moved into, whatever
 * its name, is frozen with it. Null when none is, or the path leaves our cgroup namespace.
 * `/docker/<id>/init` → `/docker/<id>`; `/system.slice/docker-<id>.scope` → itself.
 */
export function containerCgroup(path: string, containerId: string): string | null {
  if (!/^[0-9a-f]{64}$/.test(containerId)) return null;
  const parts = path.split('/');
  const depth = parts.findIndex((part) => isNamedAfter(part, containerId));
  return depth < 0 || parts.includes('..') ? null : parts.slice(0, depth + 1).join('/');
}

function isNamedAfter(component: string, containerId: string): boolean {
  const name = component.endsWith('.scope') ? component.slice(0, -'.scope'.length) : component;
  return (
    name === containerId || name.endsWith(`-${containerId}`) || name.endsWith(`:${containerId}`)
  );
}

/** The directory of a cgroup of that hierarchy, or null when no mount shows it. */
export function directoryOf(
  path: string,
  version: CgroupVersion,
  mounts: readonly CgroupMount[],
): string | null {
  const mount = mounts.find(
    (candidate) => candidate.version === version && isWithin(path, candidate.root),
  );
  if (mount === undefined) return null;
  const below = mount.root === '/' ? path : path.slice(mount.root.length);
  return `${mount.mountPoint.replace(/\/$/, '')}${below}`;
}
