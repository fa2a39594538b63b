import type { Config } from '../config/schema.ts';
import { toFailure, CowherdError, type Failure } from '../model/errors.ts';
import { isGlob, matchesAny } from '../model/globs.ts';
import { RUN_TAG, type Cause, type RunResult, type RunSpace } from '../model/run.ts';
import { isFuture } from '../model/snapshot-id.ts';
import { endedPart } from '../state/history.ts';
import type { Context } from './context.ts';
import { observeHost, storeIds, type Host } from './host.ts';
import { prunePolicy } from './prune-policy.ts';
import { NOTHING, recorded } from './recorded.ts';
import { readRestorePoints, type RestorePoint } from './restore-points.ts';
import { snapshot } from './snapshot.ts';
import { isBelow } from './store-findings.ts';

export type Schedule = Config['schedules'][number];

export interface ScheduledStep {
  readonly schedule: Schedule;
  readonly cause: Cause;
  /** Names the run of this occurrence, however often that is begun: its restore points have it as a tag. */
  readonly run: string;
  /** It was begun before: agents that have theirs of it are passed over. */
  readonly resumes: boolean;
  /** Agents of which this schedule has taken a restore point since then are passed over (ms of the epoch); null for none. */
  readonly sinceMs: number | null;
}

/** One step of a schedule's chain, recorded. What fails is in the result. A step that had ended when its process died is not begun again. */
export async function runStep(
  context: Context,
  step: Schedule['run'][number],
  scheduled: ScheduledStep,
): Promise<RunResult> {
  const work = step === 'snapshot' ? snapshotStep : pruneStep;
  const { cause, run: occasion } = scheduled;
  try {
    const ended = scheduled.resumes
      ? await endedPart(context.config, { occasion, command: step })
      : null;
    if (ended !== null) return { ...ended, succeeded: ended.outcome === 'failed' ? 0 : 1 };
    return await recorded(context, {
      ...{ command: step, cause, occasion },
      work: async () => work(context, scheduled),
      resultOf: (result) => result,
    });
  } catch (error) {
    return { ...NOTHING, failures: [toFailure(null, error)] };
  }
}

/** Agents on a filesystem below `limits.minFree` are not captured: NO_SPACE. */
async function snapshotStep(context: Context, scheduled: ScheduledStep): Promise<RunResult> {
  const { schedule, run } = scheduled;
  const host = await observeHost(context);
  const { known, failures } = knownPatterns(host, schedule);
  const spaces = await spacesOf(context, host);
  const full = fullAgents(context, host, { schedule, spaces });
  const taken = await agentsDone(context, host, scheduled);
  const { snapshots, ...report } =
    known.length === 0
      ? { snapshots: [], failures: [] }
      : await snapshot(context, {
          agents: known,
          tags: { schedule: schedule.name, [RUN_TAG]: run },
          pin: false,
          except: new Set([...full.map(({ agent }) => agent), ...taken]),
        });
  return {
    snapshots: snapshots.map(({ id }) => id),
    destroyed: 0,
    frozenMs: snapshots.reduce((most, { frozenMs }) => Math.max(most, frozenMs), 0),
    failures: [...failures, ...full.map(({ failure }) => failure), ...report.failures],
    filesystems: await spacesOf(context, host),
    succeeded: snapshots.length,
  };
}

async function pruneStep(context: Context, { schedule }: ScheduledStep): Promise<RunResult> {
  const host = await observeHost(context);
  const { points } = await readRestorePoints(context, host);
  const patterns = schedule.agents.filter(
    (pattern) => isGlob(pattern) || points.some(({ agent }) => agent === pattern),
  );
  if (patterns.length === 0) return NOTHING;
  const { destroy, keep, failures } = await prunePolicy(context, {
    patterns,
    dryRun: false,
    force: false,
  });
  const failed = new Set(failures.map(({ agent }) => agent));
  return {
    ...NOTHING,
    destroyed: destroy.length,
    failures,
    filesystems: await spacesOf(context, host),
    succeeded: destroy.length + keep.filter(({ agent }) => !failed.has(agent)).length,
  };
}

/** An exact name that is nobody's is a failure of its own: the others are captured. */
function knownPatterns(
  { observation }: Host,
  { agents, name: schedule }: Schedule,
): { readonly known: readonly string[]; readonly failures: readonly Failure[] } {
  const isKnown = (pattern: string): boolean =>
    isGlob(pattern) ||
    observation.agents.some(({ name, aliases }) => name === pattern || aliases.includes(pattern));
  const failures = agents
    .filter((pattern) => !isKnown(pattern))
    .map((name) => {
      const message = `there is no agent ${name}, which the schedule ${schedule} names`;
      const hint =
        'cowherd agents lists them; take it out of the schedule where it is gone for good';
      return toFailure(name, new CowherdError('AGENT_UNKNOWN', message, { hint }));
    });
  return { known: agents.filter(isKnown), failures };
}

async function storesOf(context: Context, host: Host) {
  const opened = await Promise.allSettled(
    (await storeIds(context, host)).map(async (id) => context.openStore(id)),
  );
  return opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** Of the filesystems that can be read. */
async function spacesOf(context: Context, host: Host): Promise<readonly RunSpace[]> {
  const read = await Promise.allSettled(
    (await storesOf(context, host)).map(async (store) => ({
      id: store.fsId,
      ...(await store.space()),
    })),
  );
  return read.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

interface FullAgent {
  readonly agent: string;
  readonly failure: Failure;
}

function fullAgents(
  { config }: Context,
  host: Host,
  { schedule, spaces }: { readonly schedule: Schedule; readonly spaces: readonly RunSpace[] },
): readonly FullAgent[] {
  const full = new Set(
    spaces.filter((space) => isBelow(space, config.limits.minFree)).map(({ id }) => id),
  );
  return host.agents
    .filter(({ name, placements }) => {
      const isChosen = matchesAny(name, schedule.agents);
      return isChosen && placements.some(({ fsId }) => full.has(fsId));
    })
    .map(({ name }) => {
      const message = `${name} was not captured: less than limits.minFree is free on its filesystem`;
      const hint =
        'free some space: cowherd prune --dry-run shows what can go; cowherd snapshot takes one all the same';
      return {
        agent: name,
        failure: toFailure(name, new CowherdError('NO_SPACE', message, { hint })),
      };
    });
}

async function agentsDone(
  context: Context,
  host: Host,
  scheduled: ScheduledStep,
): Promise<readonly string[]> {
  if (!scheduled.resumes && scheduled.sinceMs === null) return [];
  const { points } = await readRestorePoints(context, host);
  return takenFor(points, scheduled, context.now());
}

const DAY_MS = 24 * 3_600_000;

/**
 * Agents of which a restore point was taken for this occurrence: by this run, whatever the clock said then, or since its time. Where a restore point
 * is dated later than now by hours, a clock was put back, and what is dated since then may be as old.
 */
export function takenFor(
  points: readonly Pick<RestorePoint, 'agent' | 'manifest'>[],
  { schedule, run, sinceMs }: Omit<ScheduledStep, 'cause'>,
  now: Date,
): readonly string[] {
  const own = points.filter(
    ({ manifest }) => !manifest.safety && manifest.tags['schedule'] === schedule.name,
  );
  const isAgain = new Set(
    own
      .filter(({ manifest }) => isFuture(manifest, now))
      .filter(({ manifest }) => Date.parse(manifest.createdAt) < now.getTime() + DAY_MS)
      .map(({ agent }) => agent),
  );
  const isSince = ({ agent, manifest }: Pick<RestorePoint, 'agent' | 'manifest'>): boolean =>
    sinceMs !== null &&
    Date.parse(manifest.createdAt) >= sinceMs &&
    !isFuture(manifest, now) &&
    !isAgain.has(agent);
  return own
    .filter((point) => point.manifest.tags[RUN_TAG] === run || isSince(point))
    .map(({ agent }) => agent);
}
