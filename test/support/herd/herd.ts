import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { StoredSnapshot } from '../../../src/model/manifest.ts';
import { labContext } from '../context.ts';
import { inLocation } from '../cycle/images.ts';
import { volumeName, type Agent, type Role } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { capturesPlain } from '../lab/record.ts';
import { run } from '../lab/run.ts';
import type { Images } from './lives.ts';
import { parseBirths, type Birth, type Marks } from './marks.ts';

/** Who sees whose shared volume. The first three have one of them in common, and so do the last two. */
export const SHARED_FROM: Readonly<Record<string, readonly string[]>> = {
  alpha: [],
  beta: ['alpha'],
  gamma: ['alpha', 'beta'],
  delta: [],
  epsilon: ['delta'],
};
export const NAMES: readonly string[] = Object.keys(SHARED_FROM);
/** Its volumes stay plain directories where these can be captured. */
const PLAIN = 'epsilon';

/** Five agents that share volumes, as the Trinity platform's do, with all that a model of them is checked against. */
export interface Herd {
  readonly lab: Lab;
  readonly agents: readonly Agent[];
}

/** Starts them, each in a lab's own way and with marks in its volumes. */
export async function startHerd(lab: Lab): Promise<Herd> {
  const script = readFileSync(join(import.meta.dirname, 'agent.sh'), 'utf8');
  const agents: Agent[] = [];
  for (const name of NAMES) {
    const env = { LAB_TX_DELAY_MS: '100' };
    const sharedFrom = SHARED_FROM[name] ?? [];
    agents.push(await lab.startAgent({ name, sharedFrom, env, command: ['sh', '-c', script] }));
  }
  const adopted = NAMES.filter((name) => name !== PLAIN || !capturesPlain(lab.filesystem));
  const adopting = await lab.cowherd(['adopt', ...adopted, '--include-users', '--yes']);
  assert.is(adopting.exitCode, 0, adopting.stderr);
  return { lab, agents };
}

/** Two agents cannot be worked on at once when a container mounts volumes of both. */
export function shares(one: string, other: string): boolean {
  const mounted = Object.entries(SHARED_FROM).map(([name, from]) => [name, ...from]);
  return mounted.some((names) => names.includes(one) && names.includes(other));
}

/** The restore points there are, from the store. */
export async function storedIn(lab: Lab): Promise<readonly StoredSnapshot[]> {
  return (await (await labContext(lab)).openStore(lab.fsUuid)).list();
}

/** What the images of a restore point bear; null when it goes meanwhile. */
export async function marksOf(lab: Lab, stored: StoredSnapshot): Promise<Marks | null> {
  const { agent, volumes } = stored.manifest;
  const read = async (role: Role): Promise<string> => {
    const image = volumes.find(({ name }) => name === volumeName(agent, role))?.image ?? '';
    const location = stored.locations[image] ?? '';
    return inLocation(lab, location, (root) => readFileSync(join(root, 'mark'), 'utf8'));
  };
  try {
    return [await read('workspace'), await read('public'), await read('shared')];
  } catch (error) {
    const isThere = (await storedIn(lab)).some(
      ({ manifest }) => manifest.id === stored.manifest.id,
    );
    if (isThere) throw error;
    return null;
  }
}

/** Reads what was not read yet of the restore points there are, or of one of them. */
export async function readImages(
  lab: Lab,
  images: Map<string, Marks>,
  only?: string,
): Promise<Images> {
  for (const stored of await storedIn(lab)) {
    const { id } = stored.manifest;
    if (images.has(id) || (only !== undefined && only !== id)) continue;
    const marks = await marksOf(lab, stored);
    if (marks !== null) images.set(id, marks);
  }
  return images;
}

/** All starts of all agents so far, each agent's in their order. */
export async function birthsOf({ lab, agents }: Herd): Promise<readonly Birth[]> {
  const logs = await Promise.all(
    agents.map(async ({ name, container }) => {
      const argv = ['docker', '--host', `unix://${lab.socket}`, 'logs', '--timestamps', container];
      return parseBirths(name, (await run(argv)).stdout);
    }),
  );
  return logs.flat();
}
