import type { Docker } from '../docker/docker.ts';
import { CowherdError } from '../model/errors.ts';
import type { StoppedContainer } from '../model/transaction.ts';
import { resolveCgroup } from '../quiesce/cgroup.ts';
import { isHeld } from '../quiesce/watch.ts';

/**
 * Refuses what its owner has frozen by the cgroup freezer: Docker could not stop it, only kill it, with cgroup v1 not even that
 * before it is thawed. To be asked when its locks are held, so that no freeze is a capture's. Throws FROZEN_USER.
 */
export async function refuseFrozen(
  docker: Docker | null,
  containers: readonly StoppedContainer[],
): Promise<void> {
  if (docker === null) return;
  const asked = containers.filter(({ ran, paused }) => ran && !paused);
  const frozen = await Promise.all(asked.map(async ({ id }) => isFrozen(docker, id)));
  const names = asked.filter((_, index) => frozen[index]).map(({ name }) => name);
  if (names.length === 0) return;
  throw new CowherdError('FROZEN_USER', `${names.join(', ')} is frozen by its cgroup`, {
    hint: 'thaw it, then run it again; what docker pause has paused may stay so',
  });
}

async function isFrozen(docker: Docker, id: string): Promise<boolean> {
  const details = await docker.inspect(id);
  if (details === null || details.pid === 0 || details.state === 'paused') return false;
  const answer = resolveCgroup({ containerId: details.id, pid: details.pid, protectedPids: [] });
  return 'cgroup' in answer && isHeld(answer.cgroup);
}
