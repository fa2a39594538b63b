import { readFileSync } from 'node:fs';
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

/** `target → root in its filesystem` of the mounts a container's first process has under its home. */
export async function homeMounts(lab: Lab, container: string): Promise<Record<string, string>> {
  const pid = await inspect(lab, container, '{{.State.Pid}}');
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n');
  const fields = lines.map((line) => line.split(' '));
  return Object.fromEntries(
    fields.flatMap(([, , , root = '', target = '']) =>
      target.startsWith('/home/developer') ? [[target, root]] : [],
    ),
  );
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
