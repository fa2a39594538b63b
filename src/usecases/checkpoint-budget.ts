import { makeSlots, type Slots } from '../quiesce/slots.ts';

/** What the checkpoints of one run may take together, so that no agent's databases make the others wait for ever. */
export interface CheckpointBudget {
  /** Children of all agents at once. */
  readonly slots: Slots;
  /** Time in which any agent's checkpoints ran; those that run side by side spend it once. */
  spentMs: number;
  /** How many agents' run now, and since when any do. */
  running: number;
  since: number;
}

const CHILDREN_AT_ONCE = 4;
const RUN_MS = 10 * 60_000;
const AGENT_MS = 60_000;
const AGENT_DATABASES = 1_000;

export function newCheckpointBudget(): CheckpointBudget {
  return { slots: makeSlots(CHILDREN_AT_ONCE), spentMs: 0, running: 0, since: 0 };
}

export interface AgentShare {
  readonly budgetMs: number;
  /** How many databases of each volume may be asked. */
  readonly shares: readonly number[];
  /** To be called once, at the end of them. */
  readonly done: () => void;
}

/** One agent's part: a minute at most, or what is left of the run's ten, and 1,000 of its databases, the volumes with the fewest first; `counts` by volume. */
export function beginCheckpoints(
  budget: CheckpointBudget,
  ticks: () => number,
  counts: readonly number[],
): AgentShare {
  const now = ticks();
  if (budget.running === 0) budget.since = now;
  const spentMs = budget.spentMs + now - budget.since;
  budget.running += 1;
  let left = AGENT_DATABASES;
  const shares = [...counts];
  const fewestFirst = [...counts.entries()].sort(([, a], [, b]) => a - b);
  for (const [index, count] of fewestFirst) left -= shares[index] = Math.min(count, left);
  const budgetMs = Math.max(0, Math.min(AGENT_MS, RUN_MS - spentMs));
  const done = (): void => {
    budget.running -= 1;
    if (budget.running === 0) budget.spentMs += ticks() - budget.since;
  };
  return { budgetMs: Math.round(budgetMs), shares, done };
}
