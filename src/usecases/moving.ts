import { isAlive, type Container } from '../model/agent.ts';
import type { Member } from './capture-group.ts';
import { writersOf } from './locking.ts';
import { processesUsing } from './mount-check.ts';
import type { Candidate } from './snapshot-plan.ts';

/** Names of the agents whose volumes are written while these containers, and no others, are frozen. */
export async function movingAgents(
  members: readonly Member[],
  containers: readonly Container[],
  frozen: readonly Container[],
): Promise<ReadonlySet<string>> {
  const still = new Set(frozen.map(({ id }) => id));
  const moves = await Promise.all(
    members.map(
      async ({ candidate }) =>
        writersOf(candidate.agent, containers).some(
          (container) =>
            isAlive(container) && container.state !== 'paused' && !still.has(container.id),
        ) || hostWrites(candidate),
    ),
  );
  return new Set(
    members.filter((_, index) => moves[index]).map(({ candidate }) => candidate.agent.name),
  );
}

/** A process of the host cannot be frozen by us: a listed directory that one uses may be written at any time. */
export async function hostWrites({ agent, volumes }: Candidate): Promise<boolean> {
  const listed = volumes.filter(({ volume }) =>
    agent.volumes.some(({ name, kind }) => name === volume && kind === 'path'),
  );
  const users = await Promise.all(listed.map(async ({ mountpoint }) => processesUsing(mountpoint)));
  return users.some((pids) => pids.length > 0);
}
