import { CowherdError } from '../model/errors.ts';
import { hasDatasets } from '../model/snapshot.ts';
import type { Attempt } from './capture-attempt.ts';
import type { Context } from './context.ts';

/** What is done instead of a capture that would freeze too long. */
export type WayOut = 'crash' | 'live' | 'stop';

/**
 * What `onFreezeTimeout` says of a capture of one agent that failed so; null where that is to fail, or does not hold for it: `crash` needs one
 * atomic image that holds the whole agent, `live` and `stop` a volume that nothing can snapshot. The half-taken images go first.
 */
export async function wayOut(
  context: Context,
  error: unknown,
  attempt: Attempt,
): Promise<WayOut | null> {
  const { members, policies, captures } = attempt;
  const wanted = policies[0]?.onFreezeTimeout;
  if (!(error instanceof CowherdError) || error.code !== 'FREEZE_TIMEOUT') return null;
  if (members.length !== 1 || wanted === undefined || wanted === 'fail') return null;
  const holds = wanted === 'crash' ? await isAtomic(context, attempt) : isPlain(attempt);
  if (!holds) return null;
  for (const capture of captures.values()) await capture.reset();
  return wanted;
}

async function isAtomic(context: Context, { members, captures }: Attempt): Promise<boolean> {
  const [only, ...others] = members[0]?.candidate.volumes ?? [];
  if (only === undefined) return false;
  const { capabilities } = await context.openStore(only.fsId);
  return (
    (others.length === 0 && only.nested.length === 0 && hasDatasets(only.tier)) ||
    (capabilities.atomicGroup && captures.size === 1)
  );
}

function isPlain({ members, docker }: Attempt): boolean {
  const volumes = members.flatMap(({ candidate }) => candidate.volumes);
  return docker !== null && volumes.some(({ tier }) => !hasDatasets(tier));
}
