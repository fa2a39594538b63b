import { startLab, type Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';
import { figure, type Report } from './report.ts';
import { median } from './statistics.ts';
import { succeed } from './succeed.ts';

export interface ForeignOptions {
  readonly rounds: number;
  readonly datasets: number;
  /** Snapshots of each of those datasets. */
  readonly each: number;
}

const MOST_RATIO = 1.5;

/** Listing restore points where another tool has taken thousands of snapshots of datasets beside the volumes'. */
export async function benchForeign(report: Report, options: ForeignOptions): Promise<void> {
  const { rounds, datasets, each } = options;
  report.line(
    `\nlisting: ${String(datasets * each)} snapshots of another tool, ${String(rounds)} times each`,
  );
  const lab = await startLab({ agents: ['alpha'] });
  try {
    await succeed(lab, ['adopt', 'alpha', '--yes']);
    await succeed(lab, ['snapshot', 'alpha']);
    await addForeign(lab, options);
    const times = { snapshots: [] as number[], version: [] as number[], list: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      times.list.push(await timed(must(['zfs', 'list', '-Hpt', 'snapshot'])));
      times.version.push(await timed(succeed(lab, ['--version'])));
      times.snapshots.push(await timed(succeed(lab, ['snapshots', '--json'])));
    }
    const [snapshots, version, list] = [times.snapshots, times.version, times.list].map(median);
    const row = (name: string, value = 0) => [name, figure(value)];
    report.table(
      ['ms, medians', ''],
      [
        row('cowherd snapshots', snapshots),
        row('cowherd --version', version),
        row('zfs list -Hpt snapshot', list),
      ],
    );
    report.ratio(
      'snapshots less --version to zfs list',
      ((snapshots ?? 0) - (version ?? 0)) / (list ?? 1),
      MOST_RATIO,
    );
  } finally {
    await lab.stop();
  }
}

/** Where a tool that snapshots recursively takes them: in datasets below the parent of the adopted volumes. */
async function addForeign(lab: Lab, { datasets, each }: ForeignOptions): Promise<void> {
  const parent = `${lab.device}/docker/cowherd`;
  const others = Array.from({ length: datasets }, (_, index) => `${parent}/other-${String(index)}`);
  for (const name of others) await must(['zfs', 'create', '-o', 'canmount=off', name]);
  for (let count = 0; count < each; count += 1) {
    const names = others.map((name) => `${name}@auto-${String(count)}`);
    await must(['zfs', 'snapshot', ...names]);
  }
}

async function timed(work: Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work;
  return performance.now() - begun;
}
