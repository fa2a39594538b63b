import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROLES, volumeName } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { mounts } from '../lab/mounts.ts';

/** What one would do by hand to capture an agent with three isolated volumes. */
export interface ByHand {
  readonly title: string;
  /** For bash; its arguments are those of `args`. */
  readonly script: string;
  /** The container first; for the run of this name. */
  readonly args: (name: string) => readonly string[];
}

const BTRFS = `set -e
docker pause "$1" >/dev/null
for volume in workspace public shared; do
  btrfs subvolume snapshot -r "$2/agent-alpha-$volume/_data" "$3/$volume" >/dev/null
done
docker unpause "$1" >/dev/null`;

const ZFS = `set -e
docker pause "$1" >/dev/null
zfs snapshot "$2" "$3" "$4"
docker unpause "$1" >/dev/null`;

/** The script for a lab's filesystem. */
export function byHand(lab: Lab, container: string): ByHand {
  const volumes = join(lab.dataRoot, 'volumes');
  if (lab.filesystem === 'zfs') {
    const datasets = ROLES.map((role) =>
      datasetAt(join(volumes, volumeName('alpha', role), '_data')),
    );
    return {
      title: 'pause, zfs snapshot, unpause',
      script: ZFS,
      args: (name) => [container, ...datasets.map((dataset) => `${dataset}@by-hand-${name}`)],
    };
  }
  return {
    title: 'pause, snapshot ×3, unpause',
    script: BTRFS,
    args: (name) => {
      const target = join(lab.mnt, 'by-hand', name);
      mkdirSync(target, { recursive: true });
      return [container, volumes, target];
    },
  };
}

function datasetAt(path: string): string {
  const mount = mounts().findLast(({ target }) => target === path);
  if (mount?.type !== 'zfs') throw new Error(`${path} is no dataset`);
  return mount.source;
}
