import type { Quiesce } from '../config/schema.ts';
import { isAlive, type Container } from '../model/agent.ts';
import { CowherdError } from '../model/errors.ts';
import { bracket } from '../quiesce/bracket.ts';
import type { Turn } from '../quiesce/capture.ts';
import type { Capture } from '../storage/driver.ts';
import type { GroupRequest, Member } from './capture-group.ts';
import type { Context } from './context.ts';
import { writersOf } from './locking.ts';
import { movingAgents } from './moving.ts';
import { containerPort } from './port.ts';

/** A group that is ready for its bracket. */
export interface Attempt extends GroupRequest {
  /** Of each member. */
  readonly policies: readonly Quiesce[];
  readonly captures: ReadonlyMap<string, Capture>;
  readonly containers: readonly Container[];
  readonly turn: () => Promise<Turn>;
}

/** What a bracket told. */
export interface Bracketed {
  readonly createdAt: Date;
  readonly frozenMs: number;
  /** False when nobody was to be frozen. */
  readonly frozen: boolean;
  /** Agents whose volumes were written meanwhile. */
  readonly moving: ReadonlySet<string>;
  readonly containers: readonly Container[];
}

/**
 * Flushes, freezes who is to be frozen, captures and thaws. Throws as `bracket` does, FREEZE_TIMEOUT before anybody is frozen for what
 * will not be done in time, CAPTURE_INVALIDATED when somebody was started who was to be still.
 */
export async function captureOnce(
  context: Context,
  attempt: Attempt,
  mode: Quiesce['freeze'],
): Promise<Bracketed> {
  const { members, policies, captures, containers, docker, turn, guard } = attempt;
  const maxFreezeMs = Math.min(...policies.map((policy) => policy.maxFreezeMs));
  const frozen = mode === 'none' ? [] : toFreeze(attempt);
  const moving = await movingAgents(members, containers, frozen);
  let createdAt = context.now();
  const { frozenMs } = await bracket({
    ...{ containers: frozen, mode, maxFreezeMs, turn, guard },
    port: containerPort(docker, context.config),
    runtimeDir: context.runtimeDir,
    now: context.ticks,
    interrupt: context.interrupt,
    flush: async () => {
      await flush(captures, isAtRest(members, containers));
      if (frozen.some(({ state }) => state !== 'paused')) expectInTime(captures, maxFreezeMs);
    },
    capture: async (signal) => {
      createdAt = context.now();
      const all = Array.from(captures.values(), async (one) => one.take(signal, moving));
      await Promise.all(all);
    },
  });
  if (docker !== null) expectNobodyNew({ members, moving, containers }, await docker.containers());
  return { createdAt, frozenMs, frozen: mode !== 'none', moving, containers };
}

/** Nobody is frozen for what will not be done in time. Throws FREEZE_TIMEOUT. */
function expectInTime(captures: ReadonlyMap<string, Capture>, maxFreezeMs: number): void {
  const expected = Math.max(
    0,
    ...[...captures.values()].map(({ expectedMs }) => expectedMs?.() ?? 0),
  );
  if (expected <= maxFreezeMs) return;
  const [took, most] = [expected, maxFreezeMs].map((ms) => `${String(Math.round(ms))} ms`);
  throw new CowherdError(
    'FREEZE_TIMEOUT',
    `the last pass over its volumes would take about ${took ?? ''}, longer than maxFreeze (${most ?? ''}): nobody was frozen`,
    {
      hint: 'raise quiesce.maxFreeze, set quiesce.onFreezeTimeout to live or stop, or move what has many files to a filesystem with snapshots',
    },
  );
}

/** A container that was started meanwhile wrote unfrozen; where others did too that is no matter. Throws CAPTURE_INVALIDATED. */
function expectNobodyNew(
  { members, moving, containers }: Pick<Attempt & Bracketed, 'members' | 'moving' | 'containers'>,
  after: readonly Container[],
): void {
  const known = new Set(containers.filter(isAlive).map(({ id }) => id));
  const writers = members
    .filter(({ candidate }) => !moving.has(candidate.agent.name))
    .flatMap(({ candidate }) => writersOf(candidate.agent, after).filter(isAlive));
  const started = writers.find(({ id }) => !known.has(id));
  if (started !== undefined) {
    throw new CowherdError(
      'CAPTURE_INVALIDATED',
      `container ${started.name} was started during the capture`,
      { hint: 'run it again' },
    );
  }
}

/** Those that can write and have processes; a container of an agent that is not to be frozen stays out unless another needs it. */
function toFreeze({ members, policies, containers }: Attempt): readonly Container[] {
  const wanted = members.filter((_, index) => policies[index]?.freeze !== 'none');
  const writers = wanted.flatMap(({ candidate }) =>
    writersOf(candidate.agent, containers).filter(isAlive),
  );
  return [...new Map(writers.map((container) => [container.id, container])).values()];
}

/** How the writers of a group are frozen. */
export function modeOf(policies: readonly Quiesce[]): Quiesce['freeze'] {
  if (policies.some(({ freeze }) => freeze === 'pause')) return 'pause';
  return policies.every(({ freeze }) => freeze === 'none') ? 'none' : 'auto';
}

async function flush(captures: ReadonlyMap<string, Capture>, atRest: boolean): Promise<void> {
  await Promise.all(Array.from(captures.values(), async (capture) => capture.flush(atRest)));
}

/** No container of theirs can write now. */
function isAtRest(members: readonly Member[], containers: readonly Container[]): boolean {
  const writers = members.flatMap(({ candidate }) => writersOf(candidate.agent, containers));
  return writers.filter(isAlive).every(({ state }) => state === 'paused');
}
