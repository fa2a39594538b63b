import type { Driver, Store } from './driver.ts';
import type { ZfsOptions } from './zfs/store.ts';

/** What the drivers need of the host. */
export type StoreOptions = ZfsOptions;

/** Opens stores by filesystem, each once in a run, with the driver its id belongs to: a ZFS pool's guid is a number, a btrfs UUID is none. */
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
  return (await import('./btrfs/store.ts')).btrfsDriver(options.runtimeDir);
}
