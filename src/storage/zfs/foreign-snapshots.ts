import { dirname } from 'node:path';
import { mountOf } from '../../model/mountinfo.ts';
import type { ForeignSnapshots, Placement } from '../driver.ts';
import { readMounts } from '../mounts.ts';
import { datasetOf } from './names.ts';
import { rowsOf } from './parse.ts';
import { CAPTURE } from './snapshots.ts';
import { zfs } from './tool.ts';

/** `Store.foreignSnapshots`: snapshots without our mark of the datasets around volumes. */
export async function foreignSnapshots(
  volumes: readonly Placement[],
): Promise<readonly ForeignSnapshots[]> {
  const mounts = await readMounts();
  const around = Map.groupBy(volumes, ({ mountpoint, isolated, dataset }) =>
    isolated ? (mountOf(dirname(mountpoint), mounts)?.source ?? '') : dataset,
  );
  around.delete('');
  if (around.size === 0) return [];
  const columns = ['-o', `name,${CAPTURE}`];
  const argv = ['list', '-Hp', '-t', 'snapshot', ...columns, '-d', '1', '--', ...around.keys()];
  const rows = rowsOf(await zfs(argv, { missingOk: true }));
  const foreign = rows.flatMap(([name, mark]) =>
    name !== undefined && mark === '-' ? [name] : [],
  );
  return Array.from(around, ([dataset, inside]) => ({
    dataset,
    snapshots: foreign.filter((name) => datasetOf(name) === dataset),
    volumes: inside.map(({ volume }) => volume),
  })).filter(({ snapshots }) => snapshots.length > 0);
}
