import * as assert from 'uvu/assert';
import { policyFor } from '../../../src/config/policy.ts';
import { CowherdError, toFailure } from '../../../src/model/errors.ts';
import { matchesAny } from '../../../src/model/globs.ts';
import { RUN_TAG, type RunResult } from '../../../src/model/run.ts';
import { isFuture, newestOf, nextSnapshotId } from '../../../src/model/snapshot-id.ts';
import { planAgent } from '../../../src/usecases/agent-plan.ts';
import type { Context } from '../../../src/usecases/context.ts';
import type { PlacedAgent } from '../../../src/usecases/host.ts';
import { expectClock, notePrune } from '../../../src/usecases/last-prune.ts';
import { NOTHING } from '../../../src/usecases/recorded.ts';
import type { RestorePoint } from '../../../src/usecases/restore-points.ts';
import { takenFor, type Schedule, type ScheduledStep } from '../../../src/usecases/scheduled.ts';
import { placedAgent, placement, restorePoint } from '../placed.ts';
import type { Time } from './time.ts';

/** A restore point that was taken, whatever became of it. */
export interface Taken {
  readonly agent: string;
  readonly id: string;
  readonly createdAt: string;
  readonly trueMs: number;
  /** How often the clock had been put back when the run began. */
  readonly era: number;
  readonly safety: boolean;
  readonly schedule: string | null;
  readonly occurrence: string | null;
}

/** Two hundred agents and their restore points: what a host with disks is to the schedules. */
export interface World {
  readonly agents: readonly string[];
  readonly taken: readonly Taken[];
  readonly pointsOf: (agent: string) => readonly RestorePoint[];
  readonly snapshotStep: Step;
  readonly pruneStep: Step;
  readonly prune: (context: Context, agents: readonly string[], force: boolean) => Promise<number>;
  /** Its id; null where there is none. */
  readonly pin: (agent: string, at: number) => string | null;
  /** What a rollback would leave. */
  readonly takeSafety: (agent: string) => void;
  readonly disk: { isFull: boolean; isSlow: boolean };
}

type Step = (
  context: Context,
  scheduled: ScheduledStep,
  sleep: (ms: number) => Promise<void>,
) => Promise<RunResult>;

const IN_A_TURN = 8;
const TURN_MS = 5_000;
const SLOW_TURN_MS = 420_000;

interface Herd {
  readonly placed: PlacedAgent;
  /** Newest first. */
  points: RestorePoint[];
  readonly ids: Set<string>;
}

export function createWorld(time: Time, agents: readonly string[], random: () => number): World {
  const herds = new Map<string, Herd>(
    agents.map((name) => [
      name,
      { placed: placedAgent(name, [placement(`${name}-data`)]), points: [], ids: new Set() },
    ]),
  );
  const of = (agent: string): Herd => herds.get(agent) as Herd;
  const taken: Taken[] = [];
  const disk = { isFull: false, isSlow: false };

  function take(
    agent: string,
    over: Partial<RestorePoint['manifest']>,
    by: Partial<Taken>,
  ): string {
    const herd = of(agent);
    const createdAt = time.now().toISOString();
    const id = nextSnapshotId(agent, new Date(createdAt), (one) => herd.ids.has(one));
    const point = restorePoint(agent, [`${agent}-data`], { ...over, id, createdAt });
    herd.ids.add(id);
    const older = herd.points.findIndex((one) => one.manifest.createdAt <= createdAt);
    herd.points.splice(older === -1 ? herd.points.length : older, 0, point);
    const nobody = { schedule: null, occurrence: null, safety: over.safety ?? false };
    const rest = { trueMs: time.trueMs(), era: time.era(), ...nobody, ...by };
    taken.push({ agent, id, createdAt, ...rest });
    return id;
  }

  /** Those before cannot matter, and are many. */
  function doneBy(scheduled: ScheduledStep): ReadonlySet<string> {
    const since = new Date(scheduled.sinceMs ?? 0).toISOString();
    const points = [...herds.values()].flatMap((herd) =>
      herd.points.filter(({ manifest }) => manifest.createdAt >= since),
    );
    return new Set(takenFor(points, scheduled, time.now()));
  }

  function destroy(context: Context, agent: string, doomed: readonly RestorePoint[]): void {
    const herd = of(agent);
    expectUnprotected(context, doomed, herd.points);
    const ids = new Set(doomed.map(({ manifest }) => manifest.id));
    herd.points = herd.points.filter(({ manifest }) => !ids.has(manifest.id));
  }

  async function prune(context: Context, chosen: readonly string[], force: boolean) {
    await expectClock(context, force);
    await notePrune(context);
    let destroyed = 0;
    for (const agent of chosen) {
      const { placed, points } = of(agent);
      const plan = planAgent(context, { agent, points, host: { agents: [placed] }, force });
      destroy(
        context,
        agent,
        plan.destroy.map(({ point }) => point),
      );
      destroyed += plan.destroy.length;
    }
    return destroyed;
  }

  return {
    ...{ agents, taken, disk, prune },
    pointsOf: (agent) => of(agent).points,
    pin: (agent, at) => {
      const { points } = of(agent);
      const index = Math.floor(at * points.length);
      of(agent).points = points.map((one, here) =>
        here === index ? { ...one, pinned: true } : one,
      );
      return points[index]?.manifest.id ?? null;
    },
    takeSafety: (agent) => void take(agent, { safety: true }, {}),
    snapshotStep: async (context, scheduled, sleep) => {
      const { schedule, cause, run } = scheduled;
      const isFresh = !scheduled.resumes && scheduled.sinceMs === null;
      const except = isFresh ? new Set() : doneBy(scheduled);
      const chosen = chosenBy(schedule, agents).filter((agent) => !except.has(agent));
      const result = { ...NOTHING, snapshots: [] as string[], failures: [...NOTHING.failures] };
      const occurrence = cause.trigger === 'schedule' ? cause.occurrence : null;
      const by = { schedule: schedule.name, occurrence, era: time.era() };
      for (let at = 0; at < chosen.length && !context.interrupt.aborted; at += IN_A_TURN) {
        await sleep((disk.isSlow ? SLOW_TURN_MS : TURN_MS) + random() * TURN_MS);
        for (const agent of chosen.slice(at, at + IN_A_TURN)) {
          if (disk.isFull) result.failures.push(toFailure(agent, full()));
          else
            result.snapshots.push(
              take(agent, { tags: { schedule: schedule.name, [RUN_TAG]: run } }, by),
            );
        }
      }
      if (context.interrupt.aborted)
        result.failures.push(toFailure(null, context.interrupt.reason));
      return { ...result, succeeded: result.snapshots.length };
    },
    pruneStep: async (context, { schedule }, sleep) => {
      await sleep(TURN_MS);
      const chosen = chosenBy(schedule, agents);
      const destroyed = await time.real(async () => prune(context, chosen, false));
      return { ...NOTHING, destroyed, succeeded: chosen.length };
    },
  };
}

function chosenBy({ agents: patterns }: Schedule, agents: readonly string[]): readonly string[] {
  return agents.filter((agent) => matchesAny(agent, patterns));
}

function full(): CowherdError {
  return new CowherdError('NO_SPACE', 'there is no space left', { hint: 'free some' });
}

/** CONTRACT.md, "Never destroyed". */
function expectUnprotected(
  context: Context,
  doomed: readonly RestorePoint[],
  own: readonly RestorePoint[],
): void {
  const [now, agent] = [context.now(), own[0]?.agent ?? ''];
  const { safetyForMs, minimum } = policyFor(context.config, agent).retention;
  const manifests = own.map((one) => one.manifest).filter(({ safety }) => !safety);
  const newest = newestOf(manifests, now);
  const least = manifests.filter((one) => !isFuture(one, now)).slice(0, minimum);
  for (const { manifest, pinned } of doomed) {
    const isSafe = manifest.safety && now.getTime() < Date.parse(manifest.createdAt) + safetyForMs;
    const isOfMinimum = manifest === newest || least.includes(manifest);
    const why = { pinned, isOfMinimum, isSafe, isFuture: isFuture(manifest, now) };
    const said = `${manifest.id} was destroyed at ${now.toISOString()}: ${JSON.stringify(why)}`;
    assert.not.ok(Object.values(why).includes(true), said);
  }
}
