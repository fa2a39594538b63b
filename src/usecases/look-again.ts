import type { Observation } from '../model/agent.ts';
import { toFailure, CowherdError, type Failure } from '../model/errors.ts';
import type { Context } from './context.ts';
import { eachAgent } from './each-agent.ts';
import { observeHost, type PlacedAgent } from './host.ts';
import { candidateOf, nothingToCapture, type Candidate } from './snapshot-plan.ts';

/** What can be captured of a group once its locks are held. */
export interface Relooked {
  readonly observation: Observation;
  readonly group: readonly Candidate[];
  readonly failures: readonly Failure[];
}

/** The group as it is now that nobody else can change it: until we had the locks an agent may have been adopted, recreated or removed. */
export async function lookAgain(
  context: Context,
  group: readonly Candidate[],
  nest: (agent: PlacedAgent) => Promise<PlacedAgent>,
): Promise<Relooked> {
  const host = await observeHost(
    context,
    group.map(({ agent }) => agent.name),
  );
  const { agents } = host;
  const { done, failures } = await eachAgent(agents, nest);
  const candidates = done.map(candidateOf);
  const empty = candidates.filter(({ volumes }) => volumes.length === 0);
  const gone = group.filter(({ agent }) => !agents.some(({ name }) => name === agent.name));
  return {
    observation: host.observation,
    group: candidates.filter(({ volumes }) => volumes.length > 0),
    failures: [
      ...failures,
      ...empty.map(nothingToCapture),
      ...gone.map(({ agent }) => isGone(agent.name)),
    ],
  };
}

function isGone(agent: string): Failure {
  return toFailure(agent, new CowherdError('AGENT_UNKNOWN', `there is no agent ${agent} any more`));
}
