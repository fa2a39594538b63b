import { chownSync, rmdirSync } from 'node:fs';
import { AGENT_UID } from '../lab/image.ts';
import { ROLES, volumeName } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';

/** Makes an agent's volumes as an adoption would, before anybody has data in them: subvolumes of btrfs. */
export async function makeIsolated(lab: Lab, agent: string): Promise<void> {
  for (const role of ROLES) {
    const labels = [`trinity.platform=agent-${role}`, `trinity.agent-name=${agent}`];
    await makeIsolatedVolume(lab, volumeName(agent, role), labels);
  }
}

/** Makes one volume with these labels, isolated; where its data is. */
export async function makeIsolatedVolume(
  lab: Lab,
  name: string,
  labels: readonly string[],
): Promise<string> {
  await lab.docker(['volume', 'create', ...labels.flatMap((label) => ['--label', label]), name]);
  const path = await lab.docker(['volume', 'inspect', '--format', '{{.Mountpoint}}', name]);
  rmdirSync(path);
  await must(['btrfs', 'subvolume', 'create', path]);
  chownSync(path, AGENT_UID, AGENT_UID);
  return path;
}
