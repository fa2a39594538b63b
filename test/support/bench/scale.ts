import type { SnapshotReport } from '../../../src/model/snapshot.ts';
import { AGENT_IMAGE } from '../lab/image.ts';
import { startLab, type Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';
import { IDLE } from './idle.ts';
import { makeIsolatedVolume } from './isolated-volumes.ts';
import { makeManyPoints } from './many-points.ts';
import { figure, type Report } from './report.ts';
import { median } from './statistics.ts';
import { succeed } from './succeed.ts';

export interface ScaleOptions {
  readonly rounds: number;
  /** Volumes of one agent, ascending. */
  readonly volumes: readonly number[];
  /** Restore points of one agent, ascending. */
  readonly points: readonly number[];
}

/**
 * What each further item costs on the way to the largest size, to what it costs on the way to the one before, whatever the fixed
 * cost is: linear is 1, quadratic about 2.
 */
const MOST_RATIO = 1.5;

/** A size, and the milliseconds of each run at it, starting the program apart. */
interface Measured {
  readonly size: number;
  readonly ms: number;
}

/** How a snapshot grows with the volumes of an agent, and a listing with restore points. */
export async function benchScale(report: Report, options: ScaleOptions): Promise<void> {
  const lab = await startLab({ size: '24G' });
  try {
    report.line(`\nscale: medians of ${String(options.rounds)}, less \`cowherd --version\``);
    const version = async () => succeed(lab, ['--version']);
    const idle = median(await times(options.rounds, version));
    show(report, ['volumes', 'snapshot'], await snapshots(lab, options, idle));
    show(report, ['restore points', 'listing'], await listings(lab, options, idle));
  } finally {
    await lab.stop();
  }
}

async function snapshots(
  lab: Lab,
  { rounds, volumes }: ScaleOptions,
  idle: number,
): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const size of volumes) {
    const name = `with-${String(size)}`;
    await startWith(lab, name, size);
    const argv = ['--json', 'snapshot', name];
    const { json } = await succeed<SnapshotReport>(lab, argv); // finds its databases
    if (json.snapshots[0]?.volumes.length !== size) throw new Error(`not ${String(size)} images`);
    const taken = await times(rounds, async () => succeed(lab, argv));
    measured.push({ size, ms: median(taken) - idle });
    await lab.docker(['rm', '--force', name]);
  }
  return measured;
}

/** A container with so many isolated volumes. */
async function startWith(lab: Lab, name: string, volumes: number): Promise<void> {
  const mounts: string[] = [];
  for (let number = 0; number < volumes; number += 1) {
    const volume = `${name}-${String(number)}`;
    await makeIsolatedVolume(lab, volume, [`trinity.agent-name=${name}`]);
    mounts.push('--volume', `${volume}:/data/${String(number)}`);
  }
  const label = ['--label', `trinity.agent-name=${name}`];
  const options = ['--detach', '--network', 'none', '--name', name, ...label, ...mounts];
  await lab.docker(['run', ...options, AGENT_IMAGE, ...IDLE]);
}

async function listings(
  lab: Lab,
  { rounds, points, volumes }: ScaleOptions,
  idle: number,
): Promise<readonly Measured[]> {
  const agent = `with-${String(volumes.find((size) => size > 1) ?? 1)}`;
  const measured: Measured[] = [];
  let from = 1;
  for (const size of points) {
    makeManyPoints(lab, agent, { from, count: size });
    from = size;
    await must(['sync', '-f', lab.mnt]);
    const taken = await times(rounds, async () => {
      const { json } = await succeed<SnapshotReport>(lab, ['--json', 'snapshots']);
      if (json.snapshots.length < size) throw new Error(`fewer than ${String(size)} are listed`);
    });
    measured.push({ size, ms: median(taken) - idle });
  }
  return measured;
}

async function times(rounds: number, work: () => Promise<unknown>): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now();
    await work();
    taken.push(performance.now() - begun);
  }
  return taken;
}

function show(
  report: Report,
  [unit, what]: readonly [string, string],
  measured: readonly Measured[],
): void {
  const rows = measured.map(({ size, ms }) => [String(size), figure(ms), (ms / size).toFixed(2)]);
  report.table([unit, `${what}, ms`, 'ms each'], rows);
  const [low, middle, large] = measured.slice(-3);
  if (low === undefined || middle === undefined || large === undefined)
    throw new Error('fewer than three sizes');
  const from = `${String(middle.size)} to ${String(large.size)}`;
  const before = `${String(low.size)} to ${String(middle.size)}`;
  const ratio = slope(middle, large) / slope(low, middle);
  report.ratio(
    `${what}: each more of ${unit} from ${from} by that from ${before}`,
    ratio,
    MOST_RATIO,
  );
}

/** Milliseconds for each item more; throws where more items did not take longer. */
function slope(from: Measured, to: Measured): number {
  const ms = (to.ms - from.ms) / (to.size - from.size);
  if (ms <= 0) throw new Error(`${String(to.size)} took no longer than ${String(from.size)}`);
  return ms;
}
