import type { Driver, Store } from './driver.ts';
import { isBtrfs } from './btrfs/private-mount.ts';
import { sharesData } from './plain/filesystem.ts';
import type { TarOptions } from './tar/store.ts';
import type { ZfsOptions } from './zfs/store.ts';

/** What the drivers need of the host. */
export type StoreOptions = ZfsOptions & TarOptions;

/** Opens stores by filesystem, each once in a run, with the driver its id belongs to: a ZFS pool's guid is a number, a UUID is none; every mounted btrfs is in sysfs. */
export function openStores(options: StoreOptions): (fsId: string) => Promise<Store> {
  const opened = new Map<string, Promise<Store>>();
  return (fsId) => {
    const known = opened.get(fsId);
    if (known !== undefined) return known;
    const opening = driverFor(fsId, options).then(async (driver) => driver.open(fsId));
    opened.set(fsId, opening);
    return opening;
  };
}

async function driverFor(fsId: string, options: StoreOptions): Promise<Driver> {
  if (/^\d+$/.test(fsId)) return (await import('./zfs/store.ts')).zfsDriver(options);
  if (await isBtrfs(fsId))
    return (await import('./btrfs/store.ts')).btrfsDriver(options.runtimeDir);
  if (await sharesData(fsId)) return (await import('./plain/store.ts')).reflinkDriver(options);
  return (await import('./tar/store.ts')).tarDriver(options);
}
