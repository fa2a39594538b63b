import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inLocation } from '../cycle/images.ts';
import { readSeq } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { run } from '../lab/run.ts';

/** A restore point as `cowherd snapshots --json` lists it, as far as the demo looks. */
export interface Listed {
  readonly id: string;
  readonly agent: string;
  readonly safety: boolean;
  readonly frozenMs: number;
  readonly grade: string;
  readonly volumes: readonly { readonly name: string; readonly location: string }[];
}

/** Restore points of an agent, newest first. */
export async function listed(lab: Lab, agent: string): Promise<readonly Listed[]> {
  const { json } = await lab.cowherd<{ snapshots: readonly Listed[] }>([
    '--json',
    'snapshots',
    agent,
  ]);
  return json.snapshots;
}

/** Since when a container runs, by Docker's own clock. */
export function startedAt(lab: Lab, container: string): Promise<string> {
  return lab.docker(['inspect', '--format', '{{.State.StartedAt}}', container]);
}

/** How long a container was not there between its last end and its last start, by Docker's own clock. */
export async function downMs(lab: Lab, container: string): Promise<number> {
  const format = '{{.State.FinishedAt}} {{.State.StartedAt}}';
  const [finished = '', started = ''] = (
    await lab.docker(['inspect', '--format', format, container])
  ).split(' ');
  return Date.parse(started) - Date.parse(finished);
}

/** A volume's data on the lab's host. */
export function dataOf(lab: Lab, agent: string, role: string): string {
  return join(lab.dataRoot, 'volumes', `agent-${agent}-${role}`, '_data');
}

/** sha256 of a file, or `missing`. */
export function sum(path: string): string {
  if (!existsSync(path)) return 'missing';
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** The number an agent wrote last into one of its volumes; -1 when there is none. */
export function seqIn(directory: string): number {
  return existsSync(join(directory, 'seq')) ? readSeq(directory) : -1;
}

/** `PRAGMA integrity_check` by the container's own sqlite3: `ok`, or what is wrong. */
export async function integrity(lab: Lab, container: string): Promise<string> {
  const argv = ['exec', container, 'sqlite3', '-batch', 'data/agent.db', 'PRAGMA integrity_check'];
  const { stdout, stderr } = await lab.tryDocker(argv);
  return (stdout || stderr).trim();
}

/** What the images of an agent's restore point hold. */
export interface Captured {
  readonly seq: number;
  readonly publicSeq: number;
  /** The newest in its database. */
  readonly row: number;
  /** sha256 of the file that the story is about. */
  readonly notes: string;
}

/** Looks into the images of a restore point. */
export async function lookInto(lab: Lab, point: Listed, notes: string): Promise<Captured> {
  const location = (role: string): string =>
    point.volumes.find(({ name }) => name.endsWith(`-${role}`))?.location ?? '';
  const publicSeq = await inLocation(lab, location('public'), seqIn);
  return inLocation(lab, location('workspace'), async (root) => ({
    seq: seqIn(root),
    publicSeq,
    row: await newestRow(root, join(lab.root, 'look')),
    notes: sum(join(root, notes)),
  }));
}

/** Rows in an image's database; the image is read-only, hence `immutable` would miss its WAL: a copy is asked. */
async function newestRow(directory: string, scratch: string): Promise<number> {
  const source = join(directory, 'data');
  await run(['cp', '-r', '--', source, scratch]);
  const sql = 'SELECT max(n) FROM t';
  const { stdout } = await run(['sqlite3', '-batch', join(scratch, 'agent.db'), sql]);
  await run(['rm', '-r', '--', scratch]);
  return Number(stdout);
}
