import { ROLES, volumeName } from '../lab/agent.ts';
import { startLab, type Lab } from '../lab/lab.ts';
import { btrbkOf } from './btrbk.ts';
import { makeIsolated } from './isolated-volumes.ts';
import { figure, type Report } from './report.ts';
import { median, quantile } from './statistics.ts';
import { succeed } from './succeed.ts';

export interface FleetOptions {
  readonly rounds: number;
  readonly agents: number;
}

const MOST = { whole: 1, frozen: 1.5 } as const;
/** A round of the agent's writes: fifty agents are to leave the processors some time. */
const ROUND_MS = '1000';

interface Samples {
  readonly cowherd: number[];
  readonly btrbk: number[];
  /** Of every agent in every run on all. */
  readonly together: number[];
  /** Of runs on one agent. */
  readonly alone: number[];
}

/** A snapshot of every agent of a large host next to `btrbk snapshot` of the same subvolumes, by turns. */
export async function benchFleet(report: Report, options: FleetOptions): Promise<void> {
  const { rounds, agents } = options;
  report.line(
    `\nfleet: ${String(agents)} agents with three isolated volumes, ${String(rounds)} times each`,
  );
  const lab = await startLab({ size: '24G' });
  try {
    const names = Array.from({ length: agents }, (_, index) => `agent-${String(index + 1)}`);
    for (const name of names) {
      await makeIsolated(lab, name);
      await lab.startAgent({ name, env: { LAB_TX_DELAY_MS: ROUND_MS } });
    }
    show(report, await measure(lab, names, rounds));
  } finally {
    await lab.stop();
  }
}

async function measure(lab: Lab, names: readonly string[], rounds: number): Promise<Samples> {
  const data = names.flatMap((name) =>
    ROLES.map((role) => `${lab.dataRoot}/volumes/${volumeName(name, role)}/_data`),
  );
  const btrbk = btrbkOf(lab, data);
  const samples: Samples = { cowherd: [], btrbk: [], together: [], alone: [] };
  await snapshot(lab, []); // the first run looks for databases in all volumes
  for (let round = 0; round < rounds; round += 1) {
    const { ms, frozen } = await snapshot(lab, []);
    if (frozen.length !== names.length) throw new Error('not every agent was captured');
    samples.cowherd.push(ms);
    samples.together.push(...frozen);
    samples.btrbk.push(await btrbk());
    for (const name of names.slice(0, 5))
      samples.alone.push(...(await snapshot(lab, [name])).frozen);
  }
  return samples;
}

async function snapshot(
  lab: Lab,
  agents: readonly string[],
): Promise<{ readonly ms: number; readonly frozen: readonly number[] }> {
  const begun = performance.now();
  const { json } = await succeed<{ snapshots: readonly { frozenMs: number }[] }>(lab, [
    ...['--json', 'snapshot', ...agents],
  ]);
  const ms = performance.now() - begun;
  return { ms, frozen: json.snapshots.map(({ frozenMs }) => frozenMs) };
}

function show(report: Report, { cowherd, btrbk, together, alone }: Samples): void {
  const row = (name: string, values: readonly number[]): string[] => [
    name,
    ...[0.5, 0.9, 1].map((p) => figure(quantile(values, p))),
  ];
  report.table(
    ['ms', 'p50', 'p90', 'max'],
    [
      row('cowherd snapshot, all agents', cowherd),
      row('btrbk snapshot, the same subvolumes', btrbk),
      row('frozen, one agent of all', together),
      row('frozen, one agent alone', alone),
    ],
  );
  report.ratio('cowherd snapshot to btrbk snapshot', median(cowherd) / median(btrbk), MOST.whole);
  report.ratio('frozen among all to alone', median(together) / median(alone), MOST.frozen);
}
