import { realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isWithin } from '../../../src/model/agent.ts';
import type { Lab } from '../lab/lab.ts';

const CHECKOUT = join(import.meta.dirname, '../../..');
/** Programs and libraries, the kernel's own, and what the C library and Node.js read of a host's configuration. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/proc', '/sys'];
const DEVICES = ['/dev/null', '/dev/urandom'];
const ETC = [
  'ld.so.cache',
  'localtime',
  'nsswitch.conf',
  'passwd',
  'group',
  'resolv.conf',
  'hosts',
];
const ETC_TOO = ['mtab', 'fstab', 'ssl', 'locale.alias', 'filesystems', 'zfs', 'gai.conf'];

/** Where a lab has what may be opened. */
export type Places = Pick<Lab, 'mnt' | 'dataRoot' | 'device' | 'config' | 'state' | 'socket'>;

/**
 * Opened paths that are none of ours: neither code, system, configuration, state, Docker's socket nor a store; a volume may be
 * opened as a directory and inside a fence, but nothing in it on its live path, unless it is among those that are copied.
 */
export function strangers(
  lab: Places,
  opened: readonly string[],
  copied: readonly string[] = [],
): readonly string[] {
  const etc = [...ETC, ...ETC_TOO].map((name) => `/etc/${name}`);
  const own = [CHECKOUT, realpathSync(process.execPath), lab.config, lab.state, lab.socket];
  const run = ['/run/mount', '/run/cowherd/locks', '/run/cowherd/frozen', '/run/cowherd/fence'];
  const allowed = [...SYSTEM, ...DEVICES, ...etc, ...own, ...run, ...storesOf(lab)];
  const volumes = copied.map((name) => join(lab.dataRoot, 'volumes', name));
  return opened.filter(
    (path) =>
      !allowed.some((place) => isWithin(path, place)) &&
      !isPlace(lab, path) &&
      !volumes.some((volume) => isWithin(onDisk(lab, path), volume)),
  );
}

/** Where images and records lie, by either of a filesystem's mounts. */
function storesOf({ mnt }: Places): readonly string[] {
  return [join(mnt, '.cowherd')];
}

/** A path in a filesystem's private mount as it is in the lab's own. */
function onDisk({ mnt }: Places, path: string): string {
  return path.replace(/^\/run\/cowherd\/fs\/[^/]+/, mnt);
}

const NAMESPACE = /^(ipc|mnt|net|pid):\[\d+\]$/;

/** A directory on the way to a volume, a volume itself, a filesystem's private mount, its device, or our own table of mounts. */
function isPlace(lab: Places, path: string): boolean {
  const { dataRoot, device } = lab;
  if (NAMESPACE.test(path)) return true;
  if (/^\/run\/cowherd(\/\.table-[\d-]+|\/fs(\/[^/]+(\/\.cowherd(\/.*)?)?)?)?$/s.test(path))
    return true;
  // A pool's store is mounted for itself, by the pool's guid, and so are read-only images.
  if (/^\/run\/cowherd\/(fs\/\d+|images)(\/.*)?$/s.test(path)) return true;
  if (/^\/run\/cowherd\/mount-[\da-f-]+\.lock$/.test(path)) return true;
  if (/^\/dev\/(loop\d+|loop-control|zfs|mapper\/control|btrfs-control)$/.test(path)) return true;
  const live = onDisk(lab, path);
  if (path === device || isWithin(dataRoot, live)) return true;
  const volumes = join(dataRoot, 'volumes');
  return isWithin(live, volumes) && /^([^/]+(\/_data)?)?$/s.test(relative(volumes, live));
}
