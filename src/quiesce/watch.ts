import { CowherdError } from '../model/errors.ts';
import { resolveCgroup } from './cgroup.ts';
import type { Cgroup } from './cgroup-path.ts';
import { isFrozen, isSwitchedOn } from './freezer.ts';
import type { ContainerPort, ContainerStatus, FreezeTarget } from './port.ts';
import { isSameProcess, liveProcess } from './proc.ts';

/** A container that can write to the volumes. */
export interface BracketContainer {
  readonly id: string;
  readonly name: string;
}

export interface WatchRequest {
  readonly containers: readonly BracketContainer[];
  readonly mode: 'auto' | 'pause';
  readonly port: ContainerPort;
  /** Processes that no freeze may reach; see `resolveCgroup`. */
  readonly protectedPids: readonly number[];
}

/** A container as it was before the freeze, and how to freeze it; `method` null: it does not run, or its owner has frozen it. */
export interface Watched {
  readonly container: BracketContainer;
  readonly before: ContainerStatus | null;
  /** Start time of its first process; null when it does not run. */
  readonly startTime: number | null;
  readonly cgroup: Cgroup | null;
  readonly method: FreezeTarget['method'] | null;
}

/** Asks Docker and the kernel about every container. Throws what the port throws. */
export async function watchContainers(request: WatchRequest): Promise<readonly Watched[]> {
  return Promise.all(
    request.containers.map(async (container) =>
      watch(container, await request.port.inspect(container.id), request),
    ),
  );
}

function watch(
  container: BracketContainer,
  before: ContainerStatus | null,
  request: WatchRequest,
): Watched {
  const first = before === null ? null : liveProcess(before.pid);
  if (before === null || first === null)
    return { container, before, startTime: null, cgroup: null, method: null };
  const { protectedPids, mode } = request;
  const answer = resolveCgroup({ containerId: container.id, pid: before.pid, protectedPids });
  const cgroup = 'cgroup' in answer ? answer.cgroup : null;
  const method = mode === 'auto' && cgroup !== null ? 'cgroup' : 'pause';
  const owned = before.state === 'paused' || (cgroup !== null && isHeld(cgroup));
  return { container, before, startTime: first.startTime, cgroup, method: owned ? null : method };
}

/** True when someone has frozen it or is about to. */
export function isHeld(cgroup: Cgroup): boolean {
  return isSwitchedOn(cgroup) || isFrozen(cgroup);
}

/** The target it makes, or null when it is left alone. */
export function targetOf({ container, cgroup, method }: Watched): FreezeTarget | null {
  return method === null
    ? null
    : { containerId: container.id, name: container.name, method, cgroup };
}

/** Throws CAPTURE_INVALIDATED unless every container that ran still does, in its first life, and is frozen. Asks Docker only where the kernel cannot tell. */
export async function expectFrozen(
  watched: readonly Watched[],
  port: ContainerPort,
): Promise<void> {
  for (const { container, before, startTime, cgroup } of watched) {
    if (before === null || startTime === null) continue;
    if (!isSameProcess(before.pid, startTime))
      throw invalidated(container.name, 'ended during the capture');
    const frozen =
      cgroup === null ? (await port.inspect(container.id))?.state === 'paused' : isFrozen(cgroup);
    if (!frozen) throw invalidated(container.name, 'was thawed during the capture');
  }
}

/** Throws CAPTURE_INVALIDATED when Docker tells another life of a container than before; Docker's silence is no such word. */
export async function expectSameLife(
  watched: readonly Watched[],
  port: ContainerPort,
): Promise<void> {
  const checks = watched.map(async ({ container, before }) => {
    const after = await port.inspect(container.id).catch(() => before);
    const same = after?.pid === before?.pid && after?.startedAt === before?.startedAt;
    if (!same) throw invalidated(container.name, 'was restarted or recreated during the capture');
  });
  await Promise.all(checks);
}

/** The capture may hold what was written while it went on. */
export function invalidated(name: string, how: string): CowherdError {
  return new CowherdError('CAPTURE_INVALIDATED', `container ${name} ${how}`, {
    hint: 'run it again when nobody stops, starts, pauses or thaws this container at the same time',
  });
}
