import { policyFor } from '../config/policy.ts';
import type { Quiesce } from '../config/schema.ts';
import { isAlive, type Container } from '../model/agent.ts';
import { CowherdError } from '../model/errors.ts';
import { bracket } from '../quiesce/bracket.ts';
import type { Turn } from '../quiesce/capture.ts';
import type { Capture } from '../storage/driver.ts';
import type { GroupRequest, Member } from './capture-group.ts';
import type { Context } from './context.ts';
import { writersOf } from './locking.ts';
import { containerPort } from './port.ts';

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
  try {
    const taken = await inTurn(context, request, captures);
    if (request.docker !== null)
      expectNobodyNew(request.members, taken.containers, await request.docker.containers());
    return taken;
  } finally {
    await request.afterThaw();
  }
}

/** So old a listing of containers may be when the turn of its bracket comes; what was started since is noticed after the thaw. */
const FRESH_MS = 250;
const ROUNDS = 4;
/** Of a bracket that has waited for its turn longer than that: it is prepared again. */
const STALE = new Error('the listing of containers is old');

/** Everything is prepared before the turn: others wait for it, and that costs them the time of a capture. */
async function inTurn(
  context: Context,
  request: GroupRequest,
  captures: ReadonlyMap<string, Capture>,
): Promise<Taken> {
  const keys = [...captures.keys()].map((fsId) => ({
    key: `bracket:${fsId}`,
    label: `a bracket on ${fsId}`,
  }));
  for (let round = 1; ; round += 1) {
    const listedMs = context.ticks();
    const containers = (await request.docker?.containers()) ?? [];
    const turn = async (): Promise<Turn> => {
      const taken = await request.brackets.take(keys);
      if (round === ROUNDS || context.ticks() - listedMs < FRESH_MS) return taken;
      taken.release();
      throw STALE;
    };
    try {
      return await takeFrozen(context, { ...request, containers, turn }, captures);
    } catch (error) {
      if (error !== STALE) throw error;
    }
  }
}

interface Prepared extends GroupRequest {
  readonly containers: readonly Container[];
  readonly turn: () => Promise<Turn>;
}

async function takeFrozen(
  context: Context,
  request: Prepared,
  captures: ReadonlyMap<string, Capture>,
): Promise<Taken> {
  const { members, docker, containers, turn } = request;
  const policies = members.map(
    ({ candidate }) => policyFor(context.config, candidate.agent.name).quiesce,
  );
  const attempt = async (mode: Quiesce['freeze']): Promise<Taken> => {
    let createdAt = context.now();
    const maxFreezeMs = Math.min(...policies.map((policy) => policy.maxFreezeMs));
    const { frozenMs } = await bracket({
      containers: mode === 'none' ? [] : toFreeze(members, policies, containers),
      mode,
      maxFreezeMs,
      port: containerPort(docker, context.config),
      turn,
      guard: request.guard,
      runtimeDir: context.runtimeDir,
      now: context.ticks,
      interrupt: context.interrupt,
      flush: async () => {
        await flush(captures, isAtRest(members, containers));
        if (mode !== 'none') expectInTime(captures, maxFreezeMs);
      },
      capture: async (signal) => {
        createdAt = context.now();
        await Promise.all(Array.from(captures.values(), async (capture) => capture.take(signal)));
      },
    });
    return { createdAt, frozenMs, frozen: mode !== 'none', containers };
  };
  try {
    return await attempt(modeOf(policies));
  } catch (error) {
    if (!(await mayCrash(context, error, { members, policies, captures }))) throw error;
    return attempt('none');
  }
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
    { hint: 'raise quiesce.maxFreeze, or move what has many files to a filesystem with snapshots' },
  );
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
