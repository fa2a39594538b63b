import type { ContainerDetails, Docker } from '../docker/docker.ts';
import { isAlive } from '../model/agent.ts';
import { CowherdError } from '../model/errors.ts';
import type { StoppedContainer, TransactionRecord } from '../model/transaction.ts';

/** How a container is now, for the record of a transaction that will stop it. */
export function asStopped(details: ContainerDetails): StoppedContainer {
  return {
    id: details.id,
    name: details.name,
    ran: isAlive(details),
    paused: details.state === 'paused',
    unhealthy: details.health === 'unhealthy',
  };
}

/** Stops every container that has processes, each with its own timeout. Throws what the first failing stop threw. */
export async function stopAll(
  docker: Docker,
  containers: readonly Pick<StoppedContainer, 'id' | 'name'>[],
): Promise<void> {
  await Promise.all(containers.map(async (container) => stopOne(docker, container)));
}

async function stopOne(
  docker: Docker,
  container: Pick<StoppedContainer, 'id' | 'name'>,
): Promise<void> {
  const details = await find(docker, container);
  if (details === null || !isAlive(details)) return;
  // Signals wait until a paused container runs again: it could only be killed.
  if (details.state === 'paused') await docker.unpause(details.id);
  await docker.stop(details.id);
}

/** A container by id, or by name when it was recreated since. */
export async function find(
  docker: Docker,
  { id, name }: Pick<StoppedContainer, 'id' | 'name'>,
): Promise<ContainerDetails | null> {
  return (await docker.inspect(id)) ?? docker.inspect(name);
}

/**
 * Starts what ran before: those that join another's namespaces after it; pauses again what its owner had paused; then
 * restarts containers that had joined a namespace which is gone now. All are tried; throws the first failure.
 */
export async function startAll(
  docker: Docker,
  record: Pick<TransactionRecord, 'containers' | 'dependents'>,
): Promise<void> {
  const details = await Promise.all(
    record.containers
      .filter(({ ran }) => ran)
      .map(async (container) => ({ container, found: await find(docker, container) })),
  );
  const failures: unknown[] = [];
  for (const joined of [false, true]) {
    const wave = details.filter(({ found }) => found !== null && found.joins.length > 0 === joined);
    const settled = await Promise.allSettled(
      wave.map(async ({ container, found }) => startOne(docker, container, found)),
    );
    failures.push(
      ...settled.flatMap((result) =>
        result.status === 'rejected' ? [result.reason as unknown] : [],
      ),
    );
  }
  for (const { container, found } of details) {
    if (found === null)
      failures.push(
        new CowherdError(
          'TOOL_FAILED',
          `container ${container.name} is gone and cannot be started`,
        ),
      );
  }
  await restartDependents(docker, record.dependents);
  if (failures.length > 0) throw failures[0];
}

async function startOne(
  docker: Docker,
  container: StoppedContainer,
  found: ContainerDetails | null,
): Promise<void> {
  if (found === null) return;
  await docker.start(found.id);
  if (container.paused) await docker.pause(found.id);
}

async function restartDependents(docker: Docker, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const details = await docker.inspect(name);
    if (details === null || !isAlive(details)) continue;
    await docker.stop(details.id);
    await docker.start(details.id);
  }
}

/** Names of running containers that joined a namespace of one that will be stopped, and are not stopped themselves. */
export async function dependentsOf(
  docker: Docker,
  stopped: readonly StoppedContainer[],
): Promise<readonly string[]> {
  const ids = new Set(stopped.filter(({ ran }) => ran).map(({ id }) => id));
  const alive = (await docker.containers()).filter(
    (container) => isAlive(container) && !ids.has(container.id),
  );
  const details = await Promise.all(alive.map(async ({ id }) => docker.inspect(id)));
  return details.flatMap((found) => (found?.joins.some((id) => ids.has(id)) ? [found.name] : []));
}

/** Whether what ran before runs again. */
export async function agentState(
  docker: Docker | null,
  containers: readonly StoppedContainer[],
): Promise<'running' | 'stopped' | 'partial'> {
  const wanted = containers.filter(({ ran }) => ran);
  if (docker === null || wanted.length === 0) return 'stopped';
  const found = await Promise.all(wanted.map(async (container) => find(docker, container)));
  const running = found.filter((details) => details !== null && isAlive(details)).length;
  if (running === wanted.length) return 'running';
  return running === 0 ? 'stopped' : 'partial';
}
