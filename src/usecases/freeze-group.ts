import { policyFor } from '../config/policy.ts';
import type { Turn } from '../quiesce/capture.ts';
import type { LiveDatabase } from '../model/snapshot.ts';
import type { Capture } from '../storage/driver.ts';
import { captureOnce, modeOf, type Attempt, type Bracketed } from './capture-attempt.ts';
import type { GroupRequest } from './capture-group.ts';
import type { Context } from './context.ts';
import { copyLiveDatabases } from './live-databases.ts';
import { whileStopped } from './stopped-capture.ts';
import { wayOut } from './way-out.ts';

/** What the bracket of a group told, and what was done about the databases of those who wrote meanwhile, by agent. */
export interface Taken extends Bracketed {
  readonly live: ReadonlyMap<string, readonly LiveDatabase[]>;
}

/**
 * Captures a group in one bracket, one at a time on each filesystem, or in the way its policy has for one that would freeze too long; copies databases
 * that are written meanwhile; then runs `afterThaw`. Throws as `captureOnce` and `whileStopped` do.
 */
export async function takeInBracket(
  context: Context,
  request: GroupRequest,
  captures: ReadonlyMap<string, Capture>,
): Promise<Taken> {
  try {
    const taken = await inTurn(context, request, captures);
    return { ...taken, live: await liveDatabases(context, { request, captures, taken }) };
  } finally {
    await request.afterThaw();
  }
}

interface Copying {
  readonly request: GroupRequest;
  readonly captures: ReadonlyMap<string, Capture>;
  readonly taken: Bracketed;
}

async function liveDatabases(
  context: Context,
  { request: { docker, members }, captures, taken }: Copying,
): Promise<Taken['live']> {
  const { moving, containers, createdAt } = taken;
  const live = new Map<string, readonly LiveDatabase[]>();
  for (const { candidate } of members) {
    const { name } = candidate.agent;
    if (!moving.has(name)) continue;
    const request = { candidate, captures, docker, containers, createdAt };
    live.set(name, await copyLiveDatabases(context, request));
  }
  return live;
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
): Promise<Bracketed> {
  const keys = [...captures.keys()].map((fsId) => ({
    key: `bracket:${fsId}`,
    label: `a bracket on ${fsId}`,
  }));
  const policies = request.members.map(
    ({ candidate }) => policyFor(context.config, candidate.agent.name).quiesce,
  );
  const anyTurn = async (): Promise<Turn> => request.brackets.take(keys);
  for (let round = 1; ; round += 1) {
    const listedMs = context.ticks();
    const containers = (await request.docker?.containers()) ?? [];
    const turn = async (): Promise<Turn> => {
      const taken = await anyTurn();
      if (round === ROUNDS || context.ticks() - listedMs < FRESH_MS) return taken;
      taken.release();
      throw STALE;
    };
    const attempt = { ...request, policies, captures, containers, turn };
    try {
      return await captureOnce(context, attempt, modeOf(policies));
    } catch (error) {
      if (error !== STALE) return otherwise(context, { ...attempt, turn: anyTurn }, error);
    }
  }
}

/** What is done instead of a freeze that would take too long. Throws the error where there is nothing. */
async function otherwise(context: Context, attempt: Attempt, error: unknown): Promise<Bracketed> {
  const { docker, members } = attempt;
  const candidate = members[0]?.candidate;
  const way = await wayOut(context, error, attempt);
  if (way === null || candidate === undefined) throw error;
  if (way !== 'stop' || docker === null) return captureOnce(context, attempt, 'none');
  const { containers } = attempt;
  return whileStopped(context, { docker, candidate, containers }, async (stopped) =>
    captureOnce(context, { ...attempt, containers: stopped }, 'auto'),
  );
}
