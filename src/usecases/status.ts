import type { Run } from '../model/run.ts';
import type { Grade } from '../model/snapshot.ts';
import { readRuns } from '../state/history.ts';
import type { Context } from './context.ts';
import { coverageFindings } from './coverage-findings.ts';
import { coverageOf, type AgentCoverage } from './coverage.ts';
import { worstFirst, type Finding } from './finding.ts';
import { frozenFindings, runtimeFindings } from './frozen-findings.ts';
import { trendFindings } from './space-trend.ts';
import { clockFindings, storeFindings } from './store-findings.ts';
import { surveyHost, type StoreSurvey } from './survey.ts';

/** One agent's line of the screen. */
export interface AgentStatus {
  readonly name: string;
  readonly lastSnapshot: string | null;
  readonly lastSnapshotAt: string | null;
  readonly ageMs: number | null;
  /** Safety snapshots included. */
  readonly restorePoints: number;
  readonly pinned: number;
  /** All its volumes are. */
  readonly protected: boolean;
  readonly grade: Grade | null;
}

export interface FilesystemStatus {
  readonly id: string;
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

export interface StatusDocument {
  readonly findings: readonly Finding[];
  readonly agents: readonly AgentStatus[];
  readonly filesystems: readonly FilesystemStatus[];
  /** The last runs, newest first. */
  readonly runs: readonly Run[];
}

const LAST_RUNS = 10;

/** One screen: every agent's newest restore point, space, and what needs a person. Throws nothing that a finding can say. */
export async function status(context: Context): Promise<StatusDocument> {
  const survey = await surveyHost(context, []);
  const { agents, points, stores, observation } = survey;
  const byAgent = Map.groupBy(points, ({ agent }) => agent);
  const own = ({ name }: { readonly name: string }) => byAgent.get(name) ?? [];
  const shown = agents.map((agent) => {
    const request = { points: own(agent), instant: () => true, blocked: null };
    return agentStatus(coverageOf(agent, request), context.now());
  });
  const runs = await readRuns(context.config).catch(() => []);
  const filesystems = stores.flatMap(filesystemStatus);
  const { minFree: limit } = context.config.limits;
  const findings = [
    ...survey.findings,
    ...(await scheduleFindings(context, shown, runs)),
    ...(await runtimeFindings(context.runtimeDir)),
    ...frozenFindings(context.runtimeDir, observation.containers),
    ...clockFindings(points, context.now()),
    ...stores.flatMap((store) => storeFindings(store, context.config)),
    ...trendFindings({ filesystems, runs, limit, now: context.now() }),
    ...agents.flatMap((agent) =>
      coverageFindings(agent, { points: own(agent), unread: survey.unread }),
    ),
  ];
  return {
    findings: worstFirst(findings),
    agents: shown,
    filesystems,
    runs: runs.slice(0, LAST_RUNS),
  };
}

/** What reads cron expressions is loaded only where there are some. */
async function scheduleFindings(
  context: Context,
  agents: readonly AgentStatus[],
  runs: readonly Run[],
): Promise<readonly Finding[]> {
  if (context.config.schedules.length === 0) return [];
  const { failingFindings, overdueFindings } = await import('./schedule-findings.ts');
  return [...overdueFindings(context, agents), ...failingFindings(context, runs)];
}

function agentStatus(coverage: AgentCoverage, now: Date): AgentStatus {
  const { name, lastSnapshot, lastSnapshotAt, restorePoints, pinned, grade, volumes } = coverage;
  return {
    name,
    lastSnapshot,
    lastSnapshotAt,
    ageMs: lastSnapshotAt === null ? null : now.getTime() - Date.parse(lastSnapshotAt),
    restorePoints,
    pinned,
    protected: volumes.every((volume) => volume.protected),
    grade,
  };
}

function filesystemStatus({ store, space }: StoreSurvey): readonly FilesystemStatus[] {
  return space === null ? [] : [{ id: store.fsId, ...space }];
}
