import { policyFor } from '../config/policy.ts';
import type { Quiesce } from '../config/schema.ts';
import { isAlive, type Observation } from '../model/agent.ts';
import type { Failure } from '../model/errors.ts';
import { hasDatasets } from '../model/snapshot.ts';
import type { Context } from './context.ts';
import { eachAgent } from './each-agent.ts';
import { observeHost } from './host.ts';
import { writersOf } from './locking.ts';
import { nesting } from './nesting.ts';
import { selectPlaced } from './selection.ts';
import type { SnapshotRequest } from './snapshot.ts';
import { candidateOf, nothingToCapture, type Candidate } from './snapshot-plan.ts';

/** One step of a plan, as `--dry-run` shows it. */
export interface PlanStep {
  readonly step: string;
  readonly agent: string;
  readonly text: string;
}

export interface PlanDocument {
  readonly plan: readonly PlanStep[];
  readonly failures: readonly Failure[];
}

/** What `snapshot` would do now, in order. Throws as `snapshot` does. */
export async function planSnapshot(
  context: Context,
  request: SnapshotRequest,
): Promise<PlanDocument> {
  const host = await observeHost(context);
  const selected = selectPlaced(context, host, request.agents);
  const { done, failures } = await eachAgent(selected, nesting(context));
  const candidates = done.map(candidateOf);
  const empty = candidates.filter(({ volumes }) => volumes.length === 0);
  return {
    plan: candidates.flatMap((candidate) => stepsOf(context, candidate, host.observation)),
    failures: [
      ...failures,
      ...empty.filter(({ agent }) => request.agents.includes(agent.name)).map(nothingToCapture),
    ],
  };
}

function stepsOf(
  context: Context,
  candidate: Candidate,
  observation: Observation,
): readonly PlanStep[] {
  const { agent, volumes, skipped } = candidate;
  const { quiesce } = policyFor(context.config, agent.name);
  const quieting = volumes.length === 0 ? [] : quietingSteps(candidate, quiesce, observation);
  const captures = volumes.map(({ volume, tier, isolated }) => {
    const plain = hasDatasets(tier) && !isolated;
    const live = !hasDatasets(tier) && quiesce.freeze === 'none';
    const how = `${tier}${plain ? ', not isolated: read out after the thaw' : ''}${live ? ', copied while it may be written' : ''}`;
    return { step: 'snapshot', text: `capture ${volume} (${how})` };
  });
  const skips = skipped.map(({ message }) => ({ step: 'skip', text: message }));
  return [...quieting, ...captures, ...skips].map((step) => ({ ...step, agent: agent.name }));
}

function quietingSteps(
  { agent }: Candidate,
  quiesce: Quiesce,
  observation: Observation,
): readonly Omit<PlanStep, 'agent'>[] {
  const writers = writersOf(agent, observation.containers)
    .filter(isAlive)
    .map(({ name }) => name);
  const hooks = quiesce.hooks.flatMap(({ pre, container }) => {
    const where =
      container === false
        ? 'on this host'
        : container === true
          ? 'in each running container'
          : `in ${container}`;
    return pre === null ? [] : [{ step: 'hook', text: `run ${pre.join(' ')} ${where}` }];
  });
  const checkpoint = {
    step: 'checkpoint',
    text: `checkpoint its SQLite databases (${quiesce.sqlite.mode})`,
  };
  const freeze = {
    step: 'freeze',
    text: `freeze ${writers.join(', ')}, for at most ${String(quiesce.maxFreezeMs)} ms`,
  };
  return [
    ...hooks,
    ...(quiesce.sqlite.enabled ? [checkpoint] : []),
    ...(writers.length > 0 && quiesce.freeze !== 'none' ? [freeze] : []),
  ];
}
