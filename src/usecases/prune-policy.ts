import type { Config } from '../config/schema.ts';
import { toFailure, type Failure } from '../model/errors.ts';
import { matchesAny } from '../model/globs.ts';
import { createSlots } from '../model/limited.ts';
import type { PrunePlan } from '../model/prune-plan.ts';
import { isFuture } from '../model/snapshot-id.ts';
import { planAgent, type PrunablePoint } from './agent-plan.ts';
import type { Context } from './context.ts';
import { destroyParts } from './destroy-parts.ts';
import { freedBy } from './freed.ts';
import { observeHost, type Host } from './host.ts';
import { expectClock, notePrune } from './last-prune.ts';
import { lockAgents } from './locking.ts';
import { lockPoints } from './point-lock.ts';
import { kept, line, untilOf, type PruneDocument } from './prune-document.ts';
import { recoverQuietly } from './recover.ts';
import {
  readRestorePoints,
  readWanted,
  type Listing,
  type RestorePoint,
} from './restore-points.ts';
import { selectPoints } from './snapshots.ts';

export interface PolicyRequest {
  /** Names and globs of agents, also of such that live only in restore points; none means all. */
  readonly patterns: readonly string[];
  readonly dryRun: boolean;
  /** Whatever the clock says, and however many go at once. */
  readonly force: boolean;
  /** Also says what it frees, or would. */
  readonly frees?: boolean;
}

/** Agents that are pruned at once by all runs of this process; one run prunes one after the other. */
const slots = createSlots(2);

/**
 * Applies its policy to each agent; one that fails, or one restore point, keeps nobody else's from it. What is destroyed was
 * looked at and judged again under the agent's locks. Throws AGENT_UNKNOWN, CLOCK_SUSPECT.
 */
export async function prunePolicy(
  context: Context,
  { patterns, dryRun, force, frees = false }: PolicyRequest,
): Promise<PruneDocument> {
  await expectClock(context, force);
  if (!dryRun) await recoverQuietly(context);
  const host = await observeHost(context);
  const listing = await readRestorePoints(context, host);
  const chosen = selectPoints(context, { host, listing, patterns });
  const points = chosen.filter(({ agent }) => isAdmitted(context.config.agents, agent));
  if (patterns.length > 0) tellLeftOut(context, chosen);
  tellFuture(context, points);
  tellDamaged(context, listing, patterns);
  if (!dryRun) await notePrune(context);
  const failures: Failure[] = listing.unread.map(({ error }) => toFailure(null, error));
  const documents: PruneDocument[] = [];
  for (const [agent, own] of byAgent(points)) {
    if (context.interrupt.aborted) break;
    try {
      const job = { agent, own, host, listing, dryRun, force };
      documents.push(await slots(async () => pruneAgent(context, job)));
    } catch (error) {
      failures.push(toFailure(agent, error));
    }
  }
  if (context.interrupt.aborted) failures.push(toFailure(null, context.interrupt.reason));
  const destroy = documents.flatMap((document) => document.destroy);
  return {
    keep: documents.flatMap(({ keep }) => keep),
    destroy,
    failures: [...failures, ...documents.flatMap((document) => document.failures)],
    ...(frees ? { frees: await freedBy(context, points, destroy) } : {}),
  };
}

/** What the config leaves out does not exist for us, and neither do its restore points. */
function isAdmitted({ include, exclude }: Config['agents'], agent: string): boolean {
  return matchesAny(agent, include) && !matchesAny(agent, exclude);
}

function tellLeftOut({ config, tell }: Context, chosen: readonly RestorePoint[]): void {
  const agents = new Set(chosen.map(({ agent }) => agent));
  for (const agent of agents)
    if (!isAdmitted(config.agents, agent))
      tell(`warning: agents.include and agents.exclude leave ${agent} out, and so does prune`);
}

function byAgent(points: readonly RestorePoint[]): readonly (readonly [string, RestorePoint[]])[] {
  return [...Map.groupBy(points, ({ agent }) => agent)].sort(([a], [b]) => (a < b ? -1 : 1));
}

function tellFuture(context: Context, points: readonly RestorePoint[]): void {
  for (const { manifest } of points.filter((one) => isFuture(one.manifest, context.now())))
    context.tell(`warning: CLOCK_SUSPECT: restore point ${manifest.id} is from the future`);
}

/** They are left alone, and no policy ever will take them. */
function tellDamaged(context: Context, { damaged }: Listing, patterns: readonly string[]): void {
  for (const { error, agent } of damaged)
    if (patterns.length === 0 || matchesAny(agent, patterns))
      context.tell(`warning: ${error.code}: ${error.message}`);
}

interface Job extends Omit<PolicyRequest, 'patterns' | 'frees'> {
  readonly agent: string;
  readonly own: readonly RestorePoint[];
  readonly host: Host;
  readonly listing: Listing;
}

/** Under the agent's locks nothing of it is captured, swapped or pinned. Throws LOCKED. */
async function pruneAgent(context: Context, job: Job): Promise<PruneDocument> {
  const { agent, host, own, force } = job;
  const plan = planAgent(context, { agent, points: own, host, force });
  if (job.dryRun || plan.destroy.length === 0) return documentOf(context, plan);
  const owner = host.agents.filter(({ name }) => name === agent);
  const locks = await lockAgents(context, owner, host.observation);
  try {
    const names = new Set(own.map(({ manifest }) => manifest.agent));
    const turn = await lockPoints(context, [...names]);
    try {
      return await destroyDoomed(context, job);
    } finally {
      turn.release();
    }
  } finally {
    locks.release();
  }
}

/** Somebody may have pinned, destroyed or taken some, or made a volume anew, since they were listed. */
async function destroyDoomed(context: Context, job: Job): Promise<PruneDocument> {
  const { agent, host, listing, own, force } = job;
  const mine = new Set(own.map(({ manifest }) => manifest.id));
  const known = new Set(listing.points.map(({ manifest }) => manifest.id));
  for (const { id } of listing.damaged) known.add(id);
  const isWanted = (id: string): boolean => mine.has(id) || !known.has(id);
  const { points, unread } = await readWanted(context, host, isWanted);
  const now = points.filter((point) => point.agent === agent);
  const isNew = now.some(({ manifest }) => !mine.has(manifest.id));
  const plan = planAgent(context, {
    ...{ agent, points: now, force },
    host: isNew ? await observeHost(context) : host,
  });
  const destroyed: PrunablePoint[] = [];
  const failures: Failure[] = [];
  for (const doomed of plan.destroy.toReversed()) {
    if (context.interrupt.aborted) break;
    try {
      await destroyParts(context, doomed.point, unread);
      destroyed.unshift(doomed);
    } catch (error) {
      failures.push(toFailure(agent, error));
    }
  }
  return { ...documentOf(context, { ...plan, destroy: destroyed }), failures };
}

function documentOf(context: Context, { keep, destroy }: PrunePlan<PrunablePoint>): PruneDocument {
  const nowMs = context.now().getTime();
  return {
    keep: keep.map(({ candidate, reasons, staysMs }) => ({
      ...kept(candidate.point, reasons),
      ...untilOf(staysMs, nowMs),
    })),
    destroy: destroy.map(({ point }) => line(point)),
    failures: [],
  };
}
