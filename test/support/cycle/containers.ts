import { statSync } from 'node:fs';
import { ROLES, TARGETS, type Agent, type Role } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';

/** One field of `docker inspect`. */
export function inspect(lab: Lab, container: string, format: string): Promise<string> {
  return lab.docker(['inspect', '--format', format, container]);
}

/** running, paused, exited … */
export function stateOf(lab: Lab, container: string): Promise<string> {
  return inspect(lab, container, '{{.State.Status}}');
}

/** When it was started last. */
export function startedAt(lab: Lab, container: string): Promise<string> {
  return inspect(lab, container, '{{.State.StartedAt}}');
}

/** Which directory a running container has at a path, by device and inode. */
export async function seenBy(lab: Lab, container: string, path: string): Promise<string> {
  const pid = await inspect(lab, container, '{{.State.Pid}}');
  return identity(`/proc/${pid}/root${path}`);
}

/** Volumes of a running agent that its container has from elsewhere than from their place. */
export async function offData(lab: Lab, agent: Agent): Promise<readonly Role[]> {
  const seen = await Promise.all(
    ROLES.map(async (role) => seenBy(lab, agent.container, TARGETS[role])),
  );
  return ROLES.filter((role, index) => seen[index] !== identity(agent.path(role)));
}

function identity(path: string): string {
  const { dev, ino } = statSync(path);
  return `${String(dev)}:${String(ino)}`;
}

/** A container of the agents' image that only sleeps and dies at once when told to; its name. */
export async function sleeper(
  lab: Lab,
  name: string,
  args: readonly string[] = [],
): Promise<string> {
  const own = args.some((arg) => arg.startsWith('container:')) ? [] : ['--network', 'none'];
  const init = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'];
  await lab.docker(['run', '-d', '--name', name, ...own, ...args, IMAGE, ...init]);
  return name;
}

const IMAGE = 'cowherd-lab/agent:latest';
