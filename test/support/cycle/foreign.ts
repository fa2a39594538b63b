import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';

/** A snapshot that another tool took. */
export interface Foreign {
  remove(): Promise<void>;
}

/** Takes one of all of a lab's filesystem, by hand. */
export async function foreignSnapshot(lab: Lab, name: string): Promise<Foreign> {
  const snapshot = `${lab.device}/docker@${name}`;
  const path = join(lab.mnt, name);
  const [take, destroy] =
    lab.filesystem === 'zfs'
      ? [
          ['zfs', 'snapshot', snapshot],
          ['zfs', 'destroy', snapshot],
        ]
      : [
          ['btrfs', 'subvolume', 'snapshot', '-r', lab.mnt, path],
          ['btrfs', 'subvolume', 'delete', path],
        ];
  await must(take);
  return {
    remove: async () => {
      await must(destroy);
    },
  };
}
