import { execFileSync } from 'node:child_process';
import { posix } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { mounts } from '../lab/mounts.ts';

type Zfs = Pick<Lab, 'filesystem' | 'device'>;

/** Rows of `zfs list` of all of a lab's pool; none on another filesystem. */
export function listPool(
  lab: Zfs,
  type: 'filesystem' | 'snapshot',
  columns = 'name',
): readonly (readonly string[])[] {
  if (lab.filesystem !== 'zfs') return [];
  const argv = ['list', '-H', '-p', '-r', '-t', type, '-o', columns, lab.device];
  const said = execFileSync('zfs', argv, { encoding: 'utf8' });
  return said
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'));
}

/** Datasets that transactions have set aside, and by which. */
export function asides(
  lab: Zfs,
  which: 'old' | 'new',
): readonly { readonly dataset: string; readonly transaction: string }[] {
  return listPool(lab, 'filesystem').flatMap(([dataset = '']) => {
    const name = posix.basename(dataset);
    const [, found, transaction = ''] = /^cowherd-(old|new)-([^:]+):/.exec(name) ?? [];
    return found === which ? [{ dataset, transaction }] : [];
  });
}

/** Snapshots that a capture took and that belong to no restore point. */
export function unpublished(lab: Zfs): readonly string[] {
  return listPool(lab, 'snapshot', 'name,cowherd:capture,cowherd:id')
    .filter(([, capture, id]) => capture !== '-' && id === '-')
    .map(([name = '']) => name);
}

/** Where snapshots of a lab's pool are mounted. */
export function mountedSnapshots(lab: Zfs): readonly string[] {
  if (lab.filesystem !== 'zfs') return [];
  const isOurs = (source: string) => source.split(/[/@]/)[0] === lab.device && source.includes('@');
  return mounts()
    .filter(({ source }) => isOurs(source))
    .map(({ target }) => target);
}
