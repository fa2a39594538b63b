import { dirname } from 'node:path';
import { mountOf, pathInFilesystem, type Mount } from '../../model/mountinfo.ts';
import type { SwapVolume, TransactionRecord } from '../../model/transaction.ts';
import { readMounts } from '../mounts.ts';
import { treeAtPath } from './swap.ts';

/** A directory of the dataset around a volume that a container may have mounted in place of the volume's own. */
interface Bare {
  readonly source: string;
  readonly root: string;
  /** A dataset is mounted over it: whoever has the directory has the wrong one. */
  readonly covered: boolean;
}

/**
 * A mount of a dataset that was set aside has the transaction in its source, which follows `zfs rename`; one that was made while
 * nothing was mounted shows the bare mount point below the dataset, one that is gone (proc_pid_mountinfo(5) says `//deleted`), or
 * the plain directory that was moved beside it.
 */
export async function movedMounts(
  fsId: string,
  { id, volumes }: TransactionRecord,
): Promise<(mount: Mount) => boolean> {
  const mounts = await readMounts();
  const here = volumes.filter((volume) => volume.fsId === fsId);
  const bare = (await Promise.all(here.map(async (volume) => bareOf(volume, mounts)))).flat();
  return ({ source, root }) =>
    (root.includes('.cowherd') && root.includes(id)) ||
    (source.includes('cowherd-') && source.includes(id)) ||
    bare.some(
      (place) =>
        place.source === source &&
        (root === `${place.root}//deleted` || (place.covered && root === place.root)),
    );
}

async function bareOf(
  { pathInFs }: SwapVolume,
  mounts: readonly Mount[],
): Promise<readonly Bare[]> {
  const around = mountOf(dirname(pathInFs), mounts);
  if (around === null) return [];
  const covered = (await treeAtPath(pathInFs))?.kind === 'dataset';
  return [{ source: around.source, root: pathInFilesystem(pathInFs, around), covered }];
}
