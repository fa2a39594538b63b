import type PromClient from 'prom-client';
import { RUN_OUTCOMES, type Run } from '../model/run.ts';
import type { StatusDocument } from '../usecases/status.ts';

/** So many agents, and filesystems, have values of their own: the first by name. */
const MOST_LABELS = 1000;
const SEVERITIES = ['error', 'warn', 'info'] as const;

export interface Measured {
  readonly status: StatusDocument;
  /** Newest first. */
  readonly runs: readonly Run[];
  readonly version: string;
}

export interface Metrics {
  readonly contentType: string;
  /** In Prometheus' text format. */
  text(measured: Measured): Promise<string>;
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Family {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** What Prometheus is told: of the host as it was measured, and of this process. */
export async function createMetrics(): Promise<Metrics> {
  const { default: prom } = await import('prom-client');
  const ofProcess = new prom.Registry();
  prom.collectDefaultMetrics({ register: ofProcess });
  return {
    contentType: ofProcess.contentType,
    text: async (measured) => {
      const ofHost = registryOf(prom, families(measured));
      return `${await ofHost.metrics()}\n${await ofProcess.metrics()}`;
    },
  };
}

function registryOf(
  { Registry, Gauge }: typeof PromClient,
  measured: readonly Family[],
): PromClient.Registry {
  const registry = new Registry();
  // Without a label a gauge is 0 until it is set: "no bytes free" of a filesystem that nobody has measured.
  for (const { name, help, samples } of measured.filter((family) => family.samples.length > 0)) {
    const labelNames = Object.keys(samples[0]?.[0] ?? {});
    const gauge = new Gauge({ name: `cowherd_${name}`, help, labelNames, registers: [registry] });
    for (const [labels, value] of samples) gauge.set({ ...labels }, value);
  }
  return registry;
}

function families({ status, runs, version }: Measured): readonly Family[] {
  return [
    { name: 'build_info', help: 'The version, in a label.', samples: [[{ version }, 1]] },
    ...agentFamilies(status.agents),
    {
      name: 'findings',
      help: 'What cowherd status finds, by severity.',
      samples: SEVERITIES.map((severity) => [
        { severity },
        status.findings.filter((one) => one.severity === severity).length,
      ]),
    },
    ...filesystemFamilies(status.filesystems),
    ...runFamilies(runs),
  ];
}

function agentFamilies(all: StatusDocument['agents']): readonly Family[] {
  const agents = bounded(all, ({ name }) => name);
  return [
    {
      name: 'agents',
      help: `Agents; the first ${MOST_LABELS} by name have values of their own.`,
      samples: [[{}, all.length]],
    },
    {
      name: 'last_snapshot_timestamp_seconds',
      help: 'When the newest restore point that is no safety snapshot was taken.',
      samples: agents.flatMap(({ name, lastSnapshotAt }) =>
        lastSnapshotAt === null ? [] : [[{ agent: name }, seconds(lastSnapshotAt)] as const],
      ),
    },
    {
      name: 'restore_points',
      help: 'Restore points, safety snapshots included.',
      samples: agents.map(({ name, restorePoints }) => [{ agent: name }, restorePoints]),
    },
  ];
}

function filesystemFamilies(all: StatusDocument['filesystems']): readonly Family[] {
  const filesystems = bounded(all, ({ id }) => id);
  return [
    {
      name: 'filesystem_free_bytes',
      help: 'What is free on a filesystem with restore points.',
      samples: filesystems.map(({ id, freeBytes }) => [{ filesystem: id }, freeBytes]),
    },
    {
      name: 'filesystem_size_bytes',
      help: 'The size of a filesystem with restore points.',
      samples: filesystems.map(({ id, sizeBytes }) => [{ filesystem: id }, sizeBytes]),
    },
  ];
}

function runFamilies(runs: readonly Run[]): readonly Family[] {
  const newest = new Map<string, Run>();
  for (const run of runs) if (!newest.has(run.command)) newest.set(run.command, run);
  return [
    {
      name: 'last_run_outcome',
      help: 'How the newest run of a command came out: 1 for its outcome, 0 for the others.',
      samples: [...newest].flatMap(([command, run]) =>
        RUN_OUTCOMES.map(
          (outcome) => [{ command, outcome }, run.outcome === outcome ? 1 : 0] as const,
        ),
      ),
    },
    {
      name: 'last_run_timestamp_seconds',
      help: 'When the newest run of a command began.',
      samples: [...newest].map(([command, run]) => [{ command }, seconds(run.startedAt)]),
    },
  ];
}

function seconds(time: string): number {
  return Date.parse(time) / 1000;
}

function bounded<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  return [...items].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)).slice(0, MOST_LABELS);
}
