import { setTimeout } from 'node:timers/promises';
import { isFrozen, startFreeze, thawCgroup, tryThaw } from './freezer.ts';
import type { ContainerPort, FreezeTarget } from './port.ts';

const THAW_LIMIT_MS = 1_000;
const UNPAUSE_LIMIT_MS = 5_000;

/** Undoes a docker pause; true when Docker says that the container is not paused (any more). Throws when Docker does not answer. */
export type Unpause = (containerId: string) => Promise<boolean>;

/** The `Unpause` where there is no Docker. */
export const noDocker: Unpause = () => Promise.reject(new Error('there is no Docker to ask'));

/**
 * Thaws all of them, the cgroups first and at once, and looks whether it holds. Gives those that may still be frozen; a pause
 * counts as undone only on Docker's word, though its cgroup is thawed when Docker does not answer within 5 s. Never throws.
 */
export async function thawTargets(
  targets: readonly FreezeTarget[],
  unpause: Unpause,
): Promise<readonly FreezeTarget[]> {
  const switched = targets.filter((target) => target.method === 'cgroup' && !switchOff(target));
  const paused = targets.filter((target) => target.method === 'pause');
  const results = await Promise.all([
    ...switched.map(async (target) => ((await thawDirectly(target)) ? [] : [target])),
    ...paused.map(async (target) => ((await undoPause(target, unpause)) ? [] : [target])),
  ]);
  return results.flat();
}

function switchOff({ cgroup }: FreezeTarget): boolean {
  return cgroup !== null && tryThaw(cgroup);
}

async function undoPause(target: FreezeTarget, unpause: Unpause): Promise<boolean> {
  const answer = await ask(target, unpause);
  if (answer === 'undone' || (answer === 'refused' && (await refreeze(target, unpause))))
    return true;
  await thawDirectly(target);
  return false;
}

/** Docker cannot undo a pause whose cgroup was thawed behind its back ("container not paused"), unless it is frozen once more. */
async function refreeze(target: FreezeTarget, unpause: Unpause): Promise<boolean> {
  const { cgroup } = target;
  if (cgroup === null || isFrozen(cgroup)) return false;
  startFreeze(cgroup);
  return (await ask(target, unpause)) === 'undone';
}

/** `refused`: Docker holds it for paused still; `silent`: it did not answer. */
async function ask(
  target: FreezeTarget,
  unpause: Unpause,
): Promise<'undone' | 'refused' | 'silent'> {
  const answering = unpause(target.containerId).then(
    (undone) => (undone ? 'undone' : 'refused'),
    () => 'silent' as const,
  );
  const done = new AbortController();
  const { signal } = done;
  const late = setTimeout(UNPAUSE_LIMIT_MS, 'silent' as const, { signal }).catch(
    () => 'silent' as const,
  );
  return Promise.race([answering, late]).finally(() => {
    done.abort();
  });
}

async function thawDirectly({ cgroup }: FreezeTarget): Promise<boolean> {
  return cgroup !== null && (await thawCgroup(cgroup, THAW_LIMIT_MS));
}

/** `Unpause` by the port: a refusal is success when Docker then says that it is not paused. */
export function unpauseBy(port: ContainerPort): Unpause {
  return async (containerId) => {
    try {
      await port.unpause(containerId);
      return true;
    } catch {
      return (await port.inspect(containerId))?.state !== 'paused';
    }
  };
}
