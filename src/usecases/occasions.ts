import { observe } from '../docker/observe.ts';
import { toFailure } from '../model/errors.ts';
import { matchesAny } from '../model/globs.ts';
import type { Manifest, RecordedVolume } from '../model/manifest.ts';
import type { Occasion } from '../model/occasion.ts';
import type { RunResult } from '../model/run.ts';
import { isFuture } from '../model/snapshot-id.ts';
import type { Context } from './context.ts';
import { newestOf } from './coverage.ts';
import { observeHost } from './host.ts';
import { pruneIds } from './prune.ts';
import type { PruneDocument } from './prune-document.ts';
import { NOTHING, recorded } from './recorded.ts';
import { futureLast, readRestorePoints, type RestorePoint } from './restore-points.ts';
import type { SnapshotReport } from '../model/snapshot.ts';
import { snapshot } from './snapshot.ts';

/** A restore point that is younger serves as well. */
const YOUNG_MS = 60_000;

/** True for an agent of which a schedule takes restore points: nobody else's are taken unasked. */
export function isScheduled({ config }: Pick<Context, 'config'>, agent: string): boolean {
  return config.schedules.some(
    ({ agents, run }) => run.includes('snapshot') && matchesAny(agent, agents),
  );
}

/** Scheduled agents without any restore point. */
export async function neverCaptured(context: Context): Promise<readonly string[]> {
  const host = await observeHost(context);
  const { points, unread } = await readRestorePoints(context, host);
  if (unread.length > 0) return []; // they may have some there
  return host.agents
    .filter(({ name, placements }) => {
      const isCapturable = placements.some(({ reason }) => reason === null);
      return isCapturable && isScheduled(context, name) && newestOf({ name }, points) === null;
    })
    .map(({ name }) => name);
}

/** Takes restore points of those scheduled agents whose last is older than a minute, recorded, with the cause as a tag. What fails is in the result. */
export async function captureOn(
  context: Context,
  occasion: Occasion,
  agents: readonly string[],
): Promise<RunResult> {
  try {
    const wanted = await withoutYoung(context, agents);
    if (wanted.length === 0) return NOTHING;
    return await recorded(context, {
      ...{ command: 'snapshot', cause: { trigger: 'event', event: occasion } },
      work: async () => capture(context, occasion, wanted),
      resultOf: (result) => result,
    });
  } catch (error) {
    return { ...NOTHING, failures: [toFailure(null, error)] };
  }
}

async function withoutYoung(
  context: Context,
  agents: readonly string[],
): Promise<readonly string[]> {
  const host = await observeHost(context);
  const now = context.now();
  const points = futureLast((await readRestorePoints(context, host)).points, now);
  return agents.filter((name) => {
    const last = newestOf({ name }, points);
    const isYoung = last !== null && isYounger(last.manifest, now);
    const isThere = host.agents.some((agent) => agent.name === name);
    return isThere && isScheduled(context, name) && !isYoung;
  });
}

/** One from the future is of no known age. */
function isYounger(manifest: Pick<Manifest, 'createdAt'>, now: Date): boolean {
  return !isFuture(manifest, now) && now.getTime() - Date.parse(manifest.createdAt) < YOUNG_MS;
}

async function capture(
  context: Context,
  occasion: Occasion,
  agents: readonly string[],
): Promise<RunResult> {
  const { snapshots, failures } = await snapshot(context, {
    ...{ agents, tags: { cause: occasion }, pin: false },
  });
  const discarded = await discard(context, await ofRemovedVolumes(context, snapshots));
  const gone = new Set(discarded.destroy.map(({ id }) => id));
  const kept = snapshots.filter(({ id }) => !gone.has(id));
  return {
    ...NOTHING,
    ...{ snapshots: kept.map(({ id }) => id), succeeded: kept.length },
    failures: [...failures, ...discarded.failures],
    frozenMs: kept.reduce((most, { frozenMs }) => Math.max(most, frozenMs), 0),
  };
}

/** Destroys what is torn, but for what may be all that is left of a volume. */
async function discard(
  context: Context,
  torn: readonly Torn[],
): Promise<Pick<PruneDocument, 'destroy' | 'failures'>> {
  if (torn.length === 0) return { destroy: [], failures: [] };
  const { points } = await readRestorePoints(context, await observeHost(context));
  const ids = notTheLast(torn, points);
  for (const { id } of torn) {
    const what = ids.includes(id) ? `discarded ${id}` : `kept ${id}, which may not be whole`;
    context.tell(`${what}: a volume of it was removed while it was taken`);
  }
  if (ids.length === 0) return { destroy: [], failures: [] };
  return pruneIds(context, { ids, dryRun: false, force: true });
}

/** Ids of those of which every volume that is gone is, in the same incarnation, in a restore point that is not torn, too. */
export function notTheLast(
  torn: readonly Torn[],
  points: readonly Pick<RestorePoint, 'manifest'>[],
): readonly string[] {
  const ids = new Set(torn.map(({ id }) => id));
  const whole = points.filter(({ manifest }) => !ids.has(manifest.id));
  const held = new Set(whole.flatMap(({ manifest }) => manifest.volumes.map(keyOf)));
  return torn
    .filter(({ id, gone }) => {
      const { volumes } = points.find(({ manifest }) => manifest.id === id)?.manifest ?? {};
      const lost = volumes?.filter(({ name }) => gone.includes(name)).map(keyOf);
      return lost?.every((key) => held.has(key)) ?? false;
    })
    .map(({ id }) => id);
}

function keyOf({ name, incarnation }: Pick<RecordedVolume, 'name' | 'incarnation'>): string {
  return `${incarnation.directory ?? ''} ${name}`;
}

type Taken = Pick<SnapshotReport['snapshots'][number], 'id'> & {
  readonly volumes: readonly { readonly name: string }[];
};

/** A restore point, and the names of its volumes that Docker lists no more. */
export interface Torn {
  readonly id: string;
  readonly gone: readonly string[];
}

/** Those with a volume that Docker lists no more: nobody can say whether its files were still all there. */
export async function ofRemovedVolumes(
  context: Pick<Context, 'docker' | 'config'>,
  taken: readonly Taken[],
): Promise<readonly Torn[]> {
  const { agents } = await observe(await context.docker(), context.config.agents);
  const listed = new Set(agents.flatMap(({ volumes }) => volumes.map(({ name }) => name)));
  return taken
    .map(({ id, volumes }) => ({
      id,
      gone: volumes.map(({ name }) => name).filter((name) => !listed.has(name)),
    }))
    .filter(({ gone }) => gone.length > 0);
}
