import { connected } from '../model/components.ts';
import { CowherdError, toFailure, type Failure } from '../model/errors.ts';
import type { Observation } from '../model/agent.ts';
import type { Skipped } from '../model/snapshot.ts';
import type { Placement } from '../storage/driver.ts';
import { canBeAdopted } from './coverage.ts';
import type { PlacedAgent } from './host.ts';
import { lockablesOf } from './locking.ts';
import { notCaptured } from './nesting.ts';

/** An agent that will be captured: the volumes that can be, and those that cannot with the reason. */
export interface Candidate {
  readonly agent: PlacedAgent;
  readonly volumes: readonly Placement[];
  readonly skipped: readonly Skipped[];
}

/** Splits an agent's volumes into what a driver can capture and what is skipped. */
export function candidateOf(agent: PlacedAgent): Candidate {
  const skipped = agent.placements.flatMap((placement): Skipped[] => {
    const { volume, tier, reason } = placement;
    if (reason !== null)
      return [skip(agent, { volume, message: `${volume} (tier ${tier}): ${reason}` })];
    const message = notCaptured(placement);
    return message === null ? [] : [skip(agent, { volume, message, partial: true })];
  });
  return { agent, volumes: agent.placements.filter(({ reason }) => reason === null), skipped };
}

/** A volume, or with `partial` what is in it, that is not in a restore point. */
export function skip(
  { name }: Pick<PlacedAgent, 'name'>,
  what: Pick<Skipped, 'volume' | 'message' | 'partial'>,
): Skipped {
  return { agent: name, code: 'TIER_UNSUPPORTED', ...what };
}

/** The failure of an agent of which nothing can be captured. */
export function nothingToCapture({ agent, skipped }: Candidate): Failure {
  const why = skipped.map(({ message }) => message).join('; ');
  const adoptable = agent.placements.some((one) => one.reason !== null && canBeAdopted(one));
  const hint = adoptable
    ? `cowherd adopt ${agent.name} makes a dataset of each volume, which can be captured`
    : (agent.placements.find((one) => one.hint !== null)?.hint ??
      `cowherd doctor ${agent.name} says what is missing`);
  return toFailure(
    agent.name,
    new CowherdError('TIER_UNSUPPORTED', why === '' ? `${agent.name} has no volumes` : why, {
      hint,
    }),
  );
}

/**
 * Agents that must be captured in one bracket: those that share a container or a volume (the freezer is one bit per
 * container), and those whose volumes lie in one dataset around them (one image of it serves them all).
 */
export function bracketGroups(
  candidates: readonly Candidate[],
  observation: Observation,
): readonly (readonly Candidate[])[] {
  return connected(candidates, ({ agent, volumes }) => [
    ...lockablesOf(agent, observation).map(({ key }) => key),
    ...volumes
      .filter(({ isolated }) => !isolated)
      .map(({ fsId, dataset }) => `dataset:${fsId}:${dataset}`),
  ]);
}
