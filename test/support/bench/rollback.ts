import { randomFillSync } from 'node:crypto';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent } from '../lab/agent.ts';
import { AGENT_UID } from '../lab/image.ts';
import { startLab, type Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';
import { IDLE } from './idle.ts';
import { figure, type Report } from './report.ts';
import { createRestic } from './restic.ts';
import { median } from './statistics.ts';
import { succeed } from './succeed.ts';

export interface RollbackOptions {
  readonly rounds: number;
  /** Of the large agent. */
  readonly files: number;
  readonly mib: number;
  /** Also how long a restore by restic takes. */
  readonly restic: boolean;
}

const MOST_RATIO = 2;
const GOAL_SWAP_MS = 50;
const RESTORES = 3;

interface Rollbacks {
  readonly swapMs: number[];
  readonly downMs: number[];
  /** The whole command, until the agent is healthy again. */
  readonly totalMs: number[];
}

/** Swap times of a small and a large agent, and the whole of it next to a restore by restic. */
export async function benchRollback(report: Report, options: RollbackOptions): Promise<void> {
  const { rounds, files, mib, restic } = options;
  const large = `${String(mib)} MiB in ${String(files)} files`;
  report.line(`\nrollback: 1 MiB in 10 files, and ${large}; ${String(rounds)} times each`);
  const lab = await startLab({ size: '24G' });
  try {
    await prepare(lab, 'small', { files: 10, mib: 1 });
    const agent = await prepare(lab, 'large', { files, mib });
    const small = await measure(lab, 'small', rounds);
    const big = await measure(lab, 'large', rounds);
    const restored = restic ? await restores(lab, agent) : null;
    show(report, { small, big, large, restored });
  } finally {
    await lab.stop();
  }
}

async function prepare(
  lab: Lab,
  name: string,
  { files, mib }: Pick<RollbackOptions, 'files' | 'mib'>,
): Promise<Agent> {
  const healthcheck = { interval: '1s' };
  const agent = await lab.startAgent({ name, command: IDLE, healthcheck, wait: false });
  await succeed(lab, ['adopt', name, '--yes']);
  fill(agent.path('workspace'), files, Math.floor((mib * 1024 * 1024) / files));
  await must(['sync', '-f', agent.path('workspace')]);
  await succeed(lab, ['snapshot', name]);
  return agent;
}

/** Files that neither compress nor resemble each other, a hundred a directory. */
function fill(directory: string, files: number, sizeBytes: number): void {
  const content = Buffer.alloc(sizeBytes);
  for (let number = 0; number < files; number += 1) {
    const parent = join(directory, `d${String(Math.floor(number / 100))}`);
    if (number % 100 === 0) {
      mkdirSync(parent);
      chownSync(parent, AGENT_UID, AGENT_UID);
    }
    const path = join(parent, `f${String(number)}`);
    writeFileSync(path, randomFillSync(content));
    chownSync(path, AGENT_UID, AGENT_UID);
  }
}

async function measure(lab: Lab, agent: string, rounds: number): Promise<Rollbacks> {
  const rollbacks: Rollbacks = { swapMs: [], downMs: [], totalMs: [] };
  for (let round = 0; round < rounds; round += 1) {
    const begin = performance.now();
    const { json } = await succeed<{ swapMs: number; downMs: number }>(lab, [
      '--json',
      'rollback',
      agent,
      '--yes',
    ]);
    rollbacks.totalMs.push(performance.now() - begin);
    rollbacks.swapMs.push(json.swapMs);
    rollbacks.downMs.push(json.downMs);
  }
  return rollbacks;
}

async function restores(lab: Lab, agent: Agent): Promise<number> {
  const restic = await createRestic(lab);
  await restic.backup(agent.path('workspace'));
  const times: number[] = [];
  for (let round = 0; round < RESTORES; round += 1) times.push(await restic.restoreMs());
  return median(times);
}

interface Figures {
  readonly small: Rollbacks;
  readonly big: Rollbacks;
  /** What the large one holds. */
  readonly large: string;
  readonly restored: number | null;
}

function show(report: Report, { small, big, large, restored }: Figures): void {
  const row = (name: string, { swapMs, downMs, totalMs }: Rollbacks): string[] => [
    name,
    ...[swapMs, downMs, totalMs].map((values) => figure(median(values))),
  ];
  report.table(
    ['ms, medians', 'swap', 'down', 'whole command'],
    [
      row('cowherd rollback, 1 MiB', small),
      row(`cowherd rollback, ${large}`, big),
      ...(restored === null ? [] : [[`restic restore, ${large}`, '', '', figure(restored)]]),
    ],
  );
  report.line('  (the whole command ends when the agent is healthy again)');
  const [least, most] = [median(small.swapMs), median(big.swapMs)];
  report.ratio('swap of the large one to that of the small one', most / least, MOST_RATIO);
  report.goal('swap of the large one', most, GOAL_SWAP_MS);
  report.goal('swap of the small one', least, GOAL_SWAP_MS);
  if (restored === null) return;
  const times = (restored / median(big.totalMs)).toFixed(1);
  report.line(`  restic restore, which only copies, takes ${times} times as long`);
}
