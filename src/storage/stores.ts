import type { Store } from './driver.ts';

/** Opens stores by filesystem, each once in a run. Only btrfs has a driver yet. */
export function openStores(runtimeDir: string): (fsId: string) => Promise<Store> {
  const opened = new Map<string, Promise<Store>>();
  return (fsId) => {
    const known = opened.get(fsId);
    if (known !== undefined) return known;
    const opening = import('./btrfs/store.ts').then(async ({ btrfsDriver }) =>
      btrfsDriver(runtimeDir).open(fsId),
    );
    opened.set(fsId, opening);
    return opening;
  };
}
