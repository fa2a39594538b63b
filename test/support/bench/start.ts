import { MAIN } from '../lab/cowherd.ts';
import { startLab, type Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';
import { makeManyPoints } from './many-points.ts';
import { figure, type Report } from './report.ts';
import { median } from './statistics.ts';
import { succeed } from './succeed.ts';
import { nodeMs, nodePeakMib } from './timed.ts';

export interface StartOptions {
  readonly rounds: number;
  /** Restore points in the longest listing. */
  readonly points: number;
}

const MOST_VERSION = 2.5;
const MOST_SNAPSHOTS = 5;
/** Of what twice as many restore points take beyond none. */
const MOST_GROWTH = 2.5;
const LISTINGS = 7;
const PEAKS = 3;
const BARE = ['-e', '0'];
const VERSION = [MAIN, '--version'];
const SNAPSHOTS = [MAIN, 'snapshots'];

/** Medians of one command. */
interface Cost {
  readonly ms: number;
  readonly mib: number;
}

/** How long the built program takes to start, next to a Node.js that does nothing, and to list what there is. */
export async function benchStart(report: Report, { rounds, points }: StartOptions): Promise<void> {
  report.line(`\nstart: the built program, ${String(rounds)} times each`);
  const lab = await startLab({ agents: [{ name: 'alpha' }] });
  try {
    const none = await starts(report, lab, rounds);
    report.line(`\nlisting: ${String(LISTINGS)} times each`);
    await succeed(lab, ['snapshot', 'alpha']);
    const sizes = [points / 4, points / 2, points].map(Math.ceil);
    const costs = await listings(lab, sizes);
    showListings(report, sizes, { none, costs });
  } finally {
    await lab.stop();
  }
}

async function starts(report: Report, lab: Lab, rounds: number): Promise<Cost> {
  const env = environment(lab);
  await nodeMs(SNAPSHOTS, env); // makes the private mount
  const [bare, version, snapshots] = await costs([BARE, VERSION, SNAPSHOTS], { env, rounds });
  report.table(
    ['medians', 'ms', 'peak MiB'],
    [
      row('node -e 0', bare),
      row('cowherd --version', version),
      row('cowherd snapshots, none', snapshots),
    ],
  );
  report.ratio('--version to node -e 0', version.ms / bare.ms, MOST_VERSION);
  report.ratio('snapshots to node -e 0', snapshots.ms / bare.ms, MOST_SNAPSHOTS);
  return snapshots;
}

async function listings(lab: Lab, sizes: readonly number[]): Promise<readonly Cost[]> {
  const measured: Cost[] = [];
  let from = 1;
  for (const count of sizes) {
    makeManyPoints(lab, 'alpha', { from, count });
    from = count;
    await must(['sync', '-f', lab.mnt]);
    measured.push(...(await costs([SNAPSHOTS], { env: environment(lab), rounds: LISTINGS })));
  }
  return measured;
}

function showListings(
  report: Report,
  sizes: readonly number[],
  { none, costs }: { readonly none: Cost; readonly costs: readonly Cost[] },
): void {
  report.table(
    ['cowherd snapshots, medians', 'ms', 'peak MiB'],
    costs.flatMap((cost, at) => [row(`${String(sizes[at])} restore points`, cost)]),
  );
  const [half, all] = costs.slice(-2);
  if (half === undefined || all === undefined) throw new Error('no listings');
  const growth = (of: keyof Cost) => (all[of] - none[of]) / (half[of] - none[of]);
  const what = `of ${String(sizes.at(-1))} restore points to that of half of them, each less that of none`;
  report.ratio(`time ${what}`, growth('ms'), MOST_GROWTH);
  report.ratio(`memory ${what}`, growth('mib'), MOST_GROWTH);
}

function environment(lab: Lab): NodeJS.ProcessEnv {
  return { ...process.env, COWHERD_CONFIG: lab.config };
}

/** What commands cost, measured by turns. */
async function costs<const T extends readonly (readonly string[])[]>(
  commands: T,
  { env, rounds }: { readonly env: NodeJS.ProcessEnv; readonly rounds: number },
): Promise<{ [K in keyof T]: Cost }> {
  const times = commands.map((): number[] => []);
  const peaks = commands.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1)
    for (const [at, args] of commands.entries()) times[at]?.push(await nodeMs(args, env));
  for (let round = 0; round < PEAKS; round += 1)
    for (const [at, args] of commands.entries()) peaks[at]?.push(await nodePeakMib(args, env));
  const cost = (at: number): Cost => ({
    ms: median(times[at] ?? []),
    mib: median(peaks[at] ?? []),
  });
  return commands.map((_, at) => cost(at)) as { [K in keyof T]: Cost };
}

function row(name: string, { ms, mib }: Cost): readonly string[] {
  return [name, figure(ms), figure(mib)];
}
