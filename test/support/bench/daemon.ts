import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';
import { startLab } from '../lab/lab.ts';
import { must, until } from '../lab/run.ts';
import { values } from '../service/unit.ts';
import { makeIsolatedVolume } from './isolated-volumes.ts';
import { makeManyPoints } from './many-points.ts';
import { figure, type Report } from './report.ts';
import { median } from './statistics.ts';
import { succeed } from './succeed.ts';

export interface DaemonOptions {
  readonly agents: number;
  /** Restore points of all of them. */
  readonly points: number;
  readonly rounds: number;
  /** How long the daemon is watched while nothing is due. */
  readonly idleSeconds: number;
}

const MOST_PERCENT = 1;
const MOST_MIB = 120;
const MOST_ANSWER_MS = 1_000;
/** Until what it does at its start is behind it. */
const SETTLE_MS = 15_000;
/** A schedule for nobody, so that nothing is to be done; somebody hears of what lasts, so that the daemon looks for that. */
const CONFIG = {
  schedules: [{ name: 'yearly', cron: '0 0 1 1 *', agents: ['nobody-*'], run: ['snapshot'] }],
  notify: { command: ['true'] },
};

/** What a daemon costs with which nothing is to be done, and how long questions take on such a host. */
export async function benchDaemon(report: Report, options: DaemonOptions): Promise<void> {
  const { agents, points } = options;
  report.line(`\ndaemon: ${String(agents)} agents, ${String(points)} restore points`);
  const lab = await startLab({ size: '24G' });
  try {
    await makeHerd(lab, options);
    await idle(report, lab, options);
    await answers(report, lab, options);
  } finally {
    await lab.stop();
  }
}

/** Agents of one volume each, all with equally many restore points. */
async function makeHerd(lab: Lab, { agents, points }: DaemonOptions): Promise<void> {
  const names = Array.from({ length: agents }, (_, number) => `agent-${String(number)}`);
  for (const name of names)
    await makeIsolatedVolume(lab, `${name}-data`, [`trinity.agent-name=${name}`]);
  await succeed(lab, ['snapshot']);
  const count = Math.ceil(points / agents);
  for (const name of names) makeManyPoints(lab, name, { from: 1, count });
  await must(['sync', '-f', lab.mnt]);
}

/** Of a process: the seconds of processors that it and its ended children have used, and its resident memory in MiB. */
function usage(pid: number): { readonly seconds: number; readonly mib: number } {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  const kib = Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
  return { seconds: ticks / 100, mib: kib / 1024 };
}

async function idle(report: Report, lab: Lab, { idleSeconds }: DaemonOptions): Promise<void> {
  const config = lab.writeConfig('daemon', CONFIG);
  // A schedule that is new runs at once what was due last.
  await succeed(lab, ['--config', config, 'run-due']);
  const environment = values('cowherd.service', 'Service', 'Environment').map(parsed);
  const child = lab.spawnCowherd(['daemon'], config, Object.fromEntries(environment));
  try {
    const pid = await ready(child);
    await sleep(SETTLE_MS);
    const before = usage(pid);
    await sleep(idleSeconds * 1_000);
    const after = usage(pid);
    const share = (after.seconds - before.seconds) / idleSeconds;
    report.table(
      [`idle for ${String(idleSeconds)} s`, '% of a core', 'resident MiB'],
      [['cowherd daemon', (100 * share).toFixed(2), figure(after.mib)]],
    );
    report.ratio('percent of a core', 100 * share, MOST_PERCENT);
    report.goal('resident memory', after.mib, MOST_MIB, 'MiB');
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

function parsed(assignment: string): readonly [name: string, value: string] {
  const at = assignment.indexOf('=');
  return [assignment.slice(0, at), assignment.slice(at + 1)];
}

async function ready(child: ChildProcess): Promise<number> {
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until(
    'the daemon is ready',
    () => {
      if (child.exitCode !== null) throw new Error(said);
      return said.includes('ready:');
    },
    { timeoutMs: 60_000 },
  );
  if (child.pid === undefined) throw new Error('it was not started');
  return child.pid;
}

async function answers(report: Report, lab: Lab, { rounds }: DaemonOptions): Promise<void> {
  const rows: (readonly string[])[] = [];
  for (const argv of [['status'], ['snapshots']]) {
    const taken: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const begun = performance.now();
      await lab.cowherd([...argv, '--json']); // status has things to say
      taken.push(performance.now() - begun);
    }
    const ms = median(taken);
    rows.push([`cowherd ${argv.join(' ')}`, figure(ms)]);
    report.goal(`cowherd ${argv.join(' ')}`, ms, MOST_ANSWER_MS);
  }
  report.table(['medians', 'ms'], rows);
}
