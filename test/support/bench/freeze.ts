import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { startLab, type Lab } from '../lab/lab.ts';
import { must, sleep } from '../lab/run.ts';
import { byHand, type ByHand } from './by-hand.ts';
import { figure, type Report } from './report.ts';
import { median, quantile } from './statistics.ts';
import { succeed } from './succeed.ts';
import { watchFreezer, type FreezerWatch } from './watch-freezer.ts';

export interface FreezeOptions {
  readonly rounds: number;
  /** MB/s that the agent writes. */
  readonly burst: number;
}

/** Cowherd's freeze to the script's; a ZFS snapshot waits for a transaction group, whoever takes it. */
const MOST = {
  btrfs: { median: 0.35, p90: 0.5 },
  zfs: { median: 0.75, p90: 1 },
} as const;
const GOAL_P90_MS = 50;
const PAUSE_MS = 250;
const ATTEMPTS = 5;
const CONTAINER = 'agent-alpha';

interface Samples {
  readonly cowherd: number[];
  readonly own: number[];
  readonly script: number[];
}

/** Cowherd's freeze next to the script's, by turns, under load. */
export async function benchFreeze(report: Report, options: FreezeOptions): Promise<void> {
  const { rounds, burst } = options;
  report.line(
    `\nfreeze: three isolated volumes, ${String(burst)} MB/s, ${String(rounds)} snapshots each`,
  );
  const agent = { name: 'alpha', env: { LAB_BURST: String(burst) } };
  const lab = await startLab({ size: '24G', agents: [agent] });
  try {
    await succeed(lab, ['adopt', 'alpha', '--yes']);
    await sleep(2000);
    const before = { written: writtenBytes(lab), at: performance.now() };
    const script = byHand(lab, CONTAINER);
    const samples = await measure(lab, script, rounds);
    const seconds = (performance.now() - before.at) / 1000;
    const rate = (writtenBytes(lab) - before.written) / 1e6 / seconds;
    if (rate > 0) report.line(`  (meanwhile ${figure(rate)} MB/s reached the device)`);
    judge(report, script.title, {
      ...samples,
      most: MOST[lab.filesystem === 'zfs' ? 'zfs' : 'btrfs'],
    });
  } finally {
    await lab.stop();
  }
}

async function measure(lab: Lab, script: ByHand, rounds: number): Promise<Samples> {
  const samples: Samples = { cowherd: [], own: [], script: [] };
  const watch = await watchFreezer(lab, CONTAINER);
  try {
    for (let round = 0; round < rounds; round += 1) {
      await sleep(PAUSE_MS);
      samples.own.push(await snapshot(lab));
      samples.cowherd.push(await watch.frozenMs());
      await sleep(PAUSE_MS);
      samples.script.push(await scripted(lab, watch, { script, round }));
    }
  } finally {
    await watch.close();
  }
  return samples;
}

/** What Cowherd itself says of its freeze. */
async function snapshot(lab: Lab): Promise<number> {
  const { json } = await succeed<{ snapshots: readonly { frozenMs: number }[] }>(lab, [
    '--json',
    'snapshot',
    'alpha',
  ]);
  return json.snapshots[0]?.frozenMs ?? 0;
}

/** One run of the script; Docker's pause gives up at times on a busy machine ("unable to freeze"), and is tried again. */
async function scripted(
  lab: Lab,
  watch: FreezerWatch,
  { script, round }: { readonly script: ByHand; readonly round: number },
): Promise<number> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const args = script.args(`${String(round)}-${String(attempt)}`);
      const env = { DOCKER_HOST: `unix://${lab.socket}` };
      await must(['bash', '-c', script.script, 'script', ...args], { env });
      return await watch.frozenMs();
    } catch (error) {
      await lab.tryDocker(['unpause', CONTAINER]);
      if (attempt === ATTEMPTS || !String(error).includes('unable to freeze')) throw error;
      await watch.frozenMs();
    }
  }
}

interface Judged extends Samples {
  readonly most: { readonly median: number; readonly p90: number };
}

function judge(report: Report, title: string, { cowherd, own, script, most }: Judged): void {
  if (Math.min(...cowherd, ...script) === 0) throw new Error('a freeze was not seen from outside');
  const row = (name: string, values: readonly number[]): string[] => [
    name,
    ...[0.5, 0.9, 1].map((p) => figure(quantile(values, p))),
  ];
  report.table(
    ['frozen, ms, seen from outside', 'p50', 'p90', 'max'],
    [row('cowherd snapshot', cowherd), row(title, script)],
  );
  report.line(
    `  (Cowherd's own frozenMs: p50 ${figure(median(own))}, p90 ${figure(quantile(own, 0.9))})`,
  );
  const ratio = (p: number) => quantile(cowherd, p) / quantile(script, p);
  report.ratio('p50 of Cowherd to that of the script', ratio(0.5), most.median);
  report.ratio('p90 of Cowherd to that of the script', ratio(0.9), most.p90);
  report.goal('p90 of Cowherd', quantile(cowherd, 0.9), GOAL_P90_MS);
}

/** Bytes written to the lab's device so far (sysfs, field 7 counts sectors of 512); a pool on a file has none. */
function writtenBytes(lab: Lab): number {
  if (lab.filesystem === 'zfs') return 0;
  const stat = readFileSync(`/sys/block/${basename(lab.device)}/stat`, 'utf8')
    .trim()
    .split(/\s+/);
  return Number(stat[6]) * 512;
}
