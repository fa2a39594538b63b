import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent } from '../lab/agent.ts';
import { AGENT_IMAGE } from '../lab/image.ts';
import { startLab, type Lab } from '../lab/lab.ts';
import { startCanary, type Canary } from './canary.ts';
import { makeHostileTree } from './tree.ts';

/** A lab with a hostile agent, a neighbour, and names that nobody should take for paths. */
export interface Scene {
  readonly lab: Lab;
  /** The hostile one; its workspace holds the tree. */
  readonly mallory: Agent;
  readonly canary: Canary;
  /** Agents named by labels that look like paths, and how they are called. */
  readonly named: readonly string[];
}

export async function startScene(): Promise<Scene> {
  const lab = await startLab({ size: '8G' });
  const canary = await startCanary(lab.root);
  const mallory = await lab.startAgent({ name: 'mallory' });
  await makeHostileTree(mallory.path('workspace'), canary.directory);
  const { size, blocks } = statSync(join(mallory.path('workspace'), 'blob.db'));
  console.log(
    `a row of 2 GB in a file of ${String(size)} bytes, ${String(blocks / 2)} KiB of them on disk`,
  );
  await sleeper(lab, 'com.docker.compose.project=../../etc/x', 'composed');
  await sleeper(lab, 'trinity.agent-name=../../etc/y@z\u001b[2J', 'labelled');
  const named = ['..%2F..%2Fetc%2Fx', '..%2F..%2Fetc%2Fy%40z%1B%5B2J'];
  return { lab, mallory, canary, named };
}

async function sleeper(lab: Lab, label: string, name: string): Promise<void> {
  const run = ['run', '-d', '--network', 'none', '--name', name, '--label', label];
  const init = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'];
  await lab.docker([...run, '-v', `${name}:/home/developer`, AGENT_IMAGE, ...init]);
}

export async function endScene({ lab, canary }: Scene): Promise<void> {
  await canary.remove();
  await lab.stop();
}

/** A loop in the agent's own container that renames a directory and a link to the outside into each other's place. */
export async function raceInside({
  lab,
  mallory,
  canary,
}: Pick<Scene, 'lab' | 'mallory' | 'canary'>): Promise<void> {
  const script = `mkdir -p own/turn; cd own; ln -sfn ${canary.directory} other
    while :; do mv turn t; mv other turn; mv t other; mv turn t; mv other turn; mv t other; done`;
  await lab.docker(['exec', '-d', mallory.container, 'sh', '-c', script]);
}

/** Where the volumes of a lab lie. */
export function volumesOf({ lab }: Pick<Scene, 'lab'>): string {
  return join(lab.dataRoot, 'volumes');
}
