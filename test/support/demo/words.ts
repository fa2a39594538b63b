import type { Lab } from '../lab/lab.ts';

/** What the story says where filesystems differ. */
export interface Words {
  readonly disk: string;
  /** Agents that are adopted. */
  readonly adopted: readonly string[];
  readonly adopting: readonly string[];
}

/** The words for a lab's filesystem. */
export function wordsFor({ filesystem, device }: Pick<Lab, 'filesystem' | 'device'>): Words {
  const instant = 'instant. This is done once, and undone by `cowherd unadopt`.';
  if (filesystem !== 'zfs')
    return {
      disk: `A btrfs file system on a loop device (${device})`,
      adopted: ['alpha'],
      adopting: [
        'Each of its volumes becomes a btrfs subvolume of its own, so that it can be put back in an',
        instant,
      ],
    };
  return {
    disk: `A ZFS pool on a file (${device})`,
    adopted: ['alpha', 'beta'],
    adopting: [
      'Each of their volumes becomes a ZFS dataset of its own: only so can it be captured, and put',
      `back in an ${instant}`,
    ],
  };
}
