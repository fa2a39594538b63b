import { policyFor } from '../config/policy.ts';
import type { Quiesce } from '../config/schema.ts';
import { isAlive, type Container } from '../model/agent.ts';
import { CowherdError } from '../model/errors.ts';
import { bracket } from '../quiesce/bracket.ts';
import { takeLocks } from '../state/locks.ts';
import type { Capture } from '../storage/driver.ts';
import type { GroupRequest, Member } from './capture-group.ts';
import type { Context } from './context.ts';
import { writersOf } from './locking.ts';
import { containerPort } from './port.ts';

const BRACKET_WAIT_MS = 10 * 60_000;

/** What the bracket of a group told. */
export interface Taken {
  readonly createdAt: Date;
  readonly frozenMs: number;
  /** False when a freeze was wanted and given up for a crash-consistent image. */
  readonly frozen: boolean;
  readonly containers: readonly Container[];
}

/**
 * Flushes, freezes every writer of the group, captures and thaws, one bracket at a time on each filesystem; then runs `afterThaw`.
 * Throws as `bracket` does, CAPTURE_INVALIDATED when a writer was started meanwhile.
 */
export async function takeInBracket(
  context: Context,
  request: GroupRequest,
  captures: ReadonlyMap<string, Capture>,
): Promise<Taken> {
  const keys = [...captures.keys()].map((fsId) => ({
    key: `bracket:${fsId}`,
    label: `a bracket on ${fsId}`,
  }));
  const turn = await takeLocks(keys, { runtimeDir: context.runtimeDir, waitMs: BRACKET_WAIT_MS });
  try {
    return await takeFrozen(context, request, captures);
  } finally {
    turn.release();
    await request.afterThaw();
  }
}

async function takeFrozen(
  context: Context,
  request: GroupRequest,
  captures: ReadonlyMap<string, Capture>,
): Promise<Taken> {
  const { members, docker } = request;
  const containers = docker === null ? [] : await docker.containers();
  const policies = members.map(
    ({ candidate }) => policyFor(context.config, candidate.agent.name).quiesce,
  );
  const attempt = async (mode: Quiesce['freeze']): Promise<Taken> => {
    let createdAt = context.now();
    const { frozenMs } = await bracket({
      containers: mode === 'none' ? [] : toFreeze(members, policies, containers),
      mode,
      maxFreezeMs: Math.min(...policies.map(({ maxFreezeMs }) => maxFreezeMs)),
      port: containerPort(docker, context.config),
      guard: request.guard,
      runtimeDir: context.runtimeDir,
      now: context.ticks,
      interrupt: context.interrupt,
      flush: async () => flush(captures, isAtRest(members, containers)),
      capture: async (signal) => {
        createdAt = context.now();
        await Promise.all(Array.from(captures.values(), async (capture) => capture.take(signal)));
      },
    });
    if (docker !== null) expectNobodyNew(members, containers, await docker.containers());
    return { createdAt, frozenMs, frozen: mode !== 'none', containers };
  };
  try {
    return await attempt(modeOf(policies));
  } catch (error) {
    if (!(await mayCrash(context, error, { members, policies, captures }))) throw error;
    return attempt('none');
  }
}

/** A container that was started on the volumes meanwhile wrote unfrozen. Throws CAPTURE_INVALIDATED. */
function expectNobodyNew(
  members: readonly Member[],
  before: readonly Container[],
  after: readonly Container[],
): void {
  const known = new Set(before.filter(isAlive).map(({ id }) => id));
  const writers = members.flatMap(({ candidate }) =>
    writersOf(candidate.agent, after).filter(isAlive),
  );
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
function toFreeze(
  members: readonly Member[],
  policies: readonly Quiesce[],
  containers: readonly Container[],
): readonly Container[] {
  const wanted = members.filter((_, index) => policies[index]?.freeze !== 'none');
  const writers = wanted.flatMap(({ candidate }) =>
    writersOf(candidate.agent, containers).filter(isAlive),
  );
  return [...new Map(writers.map((container) => [container.id, container])).values()];
}

function modeOf(policies: readonly Quiesce[]): Quiesce['freeze'] {
  if (policies.some(({ freeze }) => freeze === 'pause')) return 'pause';
  return policies.every(({ freeze }) => freeze === 'none') ? 'none' : 'auto';
}

interface Given {
  readonly members: readonly Member[];
  readonly policies: readonly Quiesce[];
  readonly captures: ReadonlyMap<string, Capture>;
}

/** `onFreezeTimeout: crash` holds where one atomic image holds the whole agent; the half-taken images go first. */
async function mayCrash(
  context: Context,
  error: unknown,
  { members, policies, captures }: Given,
): Promise<boolean> {
  const [member] = members;
  if (
    !(error instanceof CowherdError) ||
    error.code !== 'FREEZE_TIMEOUT' ||
    members.length !== 1 ||
    !member
  )
    return false;
  const [only, ...others] = member.candidate.volumes;
  if (policies[0]?.onFreezeTimeout !== 'crash' || only === undefined) return false;
  const { capabilities } = await context.openStore(only.fsId);
  const atomic =
    (others.length === 0 && only.nested.length === 0) ||
    (capabilities.atomicGroup && captures.size === 1);
  if (!atomic) return false;
  for (const capture of captures.values()) await capture.reset();
  return true;
}

async function flush(captures: ReadonlyMap<string, Capture>, atRest: boolean): Promise<void> {
  await Promise.all(Array.from(captures.values(), async (capture) => capture.flush(atRest)));
}

/** No container of theirs can write now. */
function isAtRest(members: readonly Member[], containers: readonly Container[]): boolean {
  const writers = members.flatMap(({ candidate }) => writersOf(candidate.agent, containers));
  return writers.filter(isAlive).every(({ state }) => state === 'paused');
}
