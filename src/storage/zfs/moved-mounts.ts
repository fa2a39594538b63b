import { dirname } from 'node:path';
import { mountOf, pathInFilesystem, type Mount } from '../../model/mountinfo.ts';
import type { TransactionRecord } from '../../model/transaction.ts';
import { readMounts } from '../mounts.ts';

/**
 * A mount of a dataset that was set aside has the transaction in its source, which follows `zfs rename`; one that was made while
 * nothing was mounted shows the bare mount point, or the plain directory that was moved beside it.
 */
export async function movedMounts(
  fsId: string,
  { id, volumes }: TransactionRecord,
): Promise<(mount: Mount) => boolean> {
  const mounts = await readMounts();
  const bare = volumes.flatMap((volume) => {
    if (volume.fsId !== fsId || volume.new.kind !== 'dataset') return [];
    const around = mountOf(dirname(volume.pathInFs), mounts);
    if (around === null) return [];
    return [{ source: around.source, root: pathInFilesystem(volume.pathInFs, around) }];
  });
  return ({ source, root }) =>
    (root.includes('.cowherd') && root.includes(id)) ||
    (source.includes('cowherd-') && source.includes(id)) ||
    bare.some((place) => place.source === source && place.root === root);
}
