import { policyFor } from '../config/policy.ts';
import { lastOfFormer } from '../model/incarnations.ts';
import { planPrune, type Prunable, type PrunePlan } from '../model/prune-plan.ts';
import { zoneOf } from '../model/zone.ts';
import type { Context } from './context.ts';
import type { Host } from './host.ts';
import type { RestorePoint } from './restore-points.ts';

/** A restore point with what the plan asks of it. */
export interface PrunablePoint extends Prunable {
  readonly point: RestorePoint;
}

export interface AgentPlanRequest {
  readonly agent: string;
  /** Its restore points, newest first. */
  readonly points: readonly RestorePoint[];
  readonly host: Pick<Host, 'agents'>;
  readonly force: boolean;
}

/** What the policy of an agent keeps and destroys now of its restore points. */
export function planAgent(
  context: Context,
  { agent, points, host, force }: AgentPlanRequest,
): PrunePlan<PrunablePoint> {
  const former = formerOn(host, points);
  const prunables = points.map((point): PrunablePoint => {
    const { id, createdAt, safety, tags } = point.manifest;
    return {
      ...{ id, safety, point, pinned: point.pinned, former: former.has(id) },
      atMs: Date.parse(createdAt),
      tags: Object.entries(tags).map(([key, value]) => `${key}=${value}`),
    };
  });
  const calendar = { nowMs: context.now().getTime(), zone: zoneOf(context.config.timezone) };
  const { retention } = policyFor(context.config, agent);
  return planPrune(prunables, retention, { ...calendar, force });
}

/** Ids of the last restore points of former incarnations of an agent's volumes (see {@link lastOfFormer}). */
export function formerOn(
  { agents }: Pick<Host, 'agents'>,
  points: readonly RestorePoint[],
): ReadonlySet<string> {
  const placements = agents.flatMap((agent) => agent.placements);
  return lastOfFormer(
    points.map(({ manifest, unpinned }) => ({ ...manifest, unpinned })),
    new Map(placements.map(({ volume, incarnation }) => [volume, incarnation])),
  );
}
