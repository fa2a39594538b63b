import { connectDocker } from '../../../src/docker/connect.ts';
import { CowherdError } from '../../../src/model/errors.ts';
import type { ContainerPort } from '../../../src/quiesce/port.ts';
import { liveProcess } from '../../../src/quiesce/proc.ts';

/** The port to containers that are plain processes: the kernel is all there is to ask, and nothing to pause by. */
export function plainPort(
  containers: readonly { readonly id: string; readonly pid: number }[],
): ContainerPort {
  const refuse = () => Promise.reject(new CowherdError('TOOL_FAILED', 'there is no Docker'));
  return {
    inspect: (id) => Promise.resolve(look(id)),
    pause: refuse,
    unpause: refuse,
    socket: null,
  };

  function look(id: string) {
    const pid = containers.find((container) => container.id === id)?.pid ?? 0;
    const alive = liveProcess(pid);
    if (alive === null) return { pid: 0, state: 'exited', startedAt: '' } as const;
    return { pid, state: 'running', startedAt: String(alive.startTime) } as const;
  }
}

/** The port to a real daemon. */
export async function dockerPort(socket: string): Promise<ContainerPort> {
  return { ...(await connectDocker(socket)), socket };
}
