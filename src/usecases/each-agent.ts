import { toFailure, type Failure } from '../model/errors.ts';
import type { PlacedAgent } from './host.ts';

export interface EachAgent<T> {
  /** In the order of the agents. */
  readonly done: readonly T[];
  readonly failures: readonly Failure[];
}

/** Does the same for every agent at once; one that fails is a failure and keeps nobody else. */
export async function eachAgent<T>(
  agents: readonly PlacedAgent[],
  work: (agent: PlacedAgent) => Promise<T>,
): Promise<EachAgent<T>> {
  const settled = await Promise.allSettled(agents.map(work));
  return {
    done: settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    failures: settled.flatMap((result, index) =>
      result.status === 'rejected' ? [toFailure(agents[index]?.name ?? null, result.reason)] : [],
    ),
  };
}
