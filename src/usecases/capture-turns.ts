import { policyFor } from '../config/policy.ts';
import { createSlots, mapLimited } from '../model/limited.ts';
import {
  captureOrSplit,
  type CaptureRun,
  type Group,
  type Outcome,
  type Prepared,
} from './capture-locked.ts';
import type { Context } from './context.ts';
import { lockTogether } from './lock-settled.ts';
import { lookAgain } from './look-again.ts';

/** Groups that are locked and looked at together: that costs as much for one as for some. */
const IN_A_TURN = 8;
/** Brackets run one at a time per filesystem; hooks, checkpoints and read-outs of so many turns run beside them. */
const TURNS_AT_ONCE = 3;

/** Of all runs of this process together: a daemon's schedules are not worked on more at once than one of them. */
const slots = createSlots(TURNS_AT_ONCE);

/**
 * Works on turns, few at once whatever else this process works on. A run wants no more slots at once than there are, and gets them in the order in which
 * they are asked for: one of a single turn waits for three turns of each other run at most, however many agents that has.
 */
export async function eachTurn<T, R>(
  turns: readonly T[],
  work: (turn: T) => Promise<R>,
): Promise<readonly R[]> {
  return mapLimited(turns, TURNS_AT_ONCE, async (turn) => slots(async () => work(turn)));
}

/** Captures all groups, some at a time; what fails is in the outcome of its own group. */
export async function captureByTurns(
  run: CaptureRun,
  groups: readonly Group[],
): Promise<readonly Outcome[]> {
  const quick = groups.filter((group) => isQuick(run.context, group));
  const count = Math.max(TURNS_AT_ONCE, Math.ceil(quick.length / IN_A_TURN));
  const together = Array.from({ length: count }, (_, at) =>
    quick.filter((_group, index) => index % count === at),
  );
  const alone = groups.filter((group) => !isQuick(run.context, group)).map((group) => [group]);
  const turns = [...together, ...alone].filter((turn) => turn.length > 0);
  const outcomes = await eachTurn(turns, async (turn) => captureTurn(run, turn));
  return outcomes.flat();
}

/** Nothing in it takes its time, hooks or a read-out, while the next ones of its turn have their locks and wait. */
function isQuick({ config }: Context, group: Group): boolean {
  return group.every(
    ({ agent, volumes }) =>
      policyFor(config, agent.name).quiesce.hooks.length === 0 &&
      volumes.every(({ isolated }) => isolated),
  );
}

async function captureTurn(run: CaptureRun, turn: readonly Group[]): Promise<readonly Outcome[]> {
  const prepared = await prepareTurn(run, turn);
  if (prepared !== null) return captureTogether(run, turn, prepared);
  const outcomes: Outcome[] = [];
  for (const group of turn) outcomes.push(await captureOrSplit(run, group));
  return outcomes;
}

/** One group after the other is captured; when all are, all are published. */
async function captureTogether(
  run: CaptureRun,
  turn: readonly Group[],
  prepared: readonly Prepared[],
): Promise<readonly Outcome[]> {
  const last = Promise.withResolvers<undefined>();
  const outcomes: Promise<Outcome>[] = [];
  for (const [index, group] of turn.entries()) {
    const next = Promise.withResolvers<undefined>();
    const captured = async (): Promise<void> => {
      next.resolve(undefined);
      await last.promise;
    };
    const outcome = captureOrSplit({ ...run, captured }, group, prepared[index]);
    outcomes.push(outcome);
    await Promise.race([next.promise, outcome]);
  }
  last.resolve(undefined);
  return Promise.all(outcomes);
}

/** In the order of the groups; null where something is in the way of one of them: then each is locked by itself, and waits for its own locks alone. */
async function prepareTurn(
  { context, host, nest }: CaptureRun,
  turn: readonly Group[],
): Promise<readonly Prepared[] | null> {
  if (turn.length === 1) return null;
  const locks = await lockTogether(
    context,
    turn.map((group) => group.map(({ agent }) => agent)),
    host,
  );
  if (locks === null) return null;
  try {
    const { observation, group: all, failures } = await lookAgain(context, turn.flat(), nest);
    return turn.map((group, index) => {
      const names = new Set<string | null>(group.map(({ agent }) => agent.name));
      return {
        locks: locks[index] ?? NO_LOCKS,
        observation,
        group: all.filter(({ agent }) => names.has(agent.name)),
        failures: failures.filter(({ agent }) => names.has(agent)),
      };
    });
  } catch {
    for (const lock of locks) lock.release();
    return null;
  }
}

const NO_LOCKS = { release: () => undefined };
