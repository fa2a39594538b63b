import { chownSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EMULATED, eased } from './emulated.ts';
import { AGENT_IMAGE, AGENT_UID } from './image.ts';
import { must, until } from './run.ts';

export type Role = 'workspace' | 'public' | 'shared';

/** How Docker asks whether the agent is well; the default command fails while ~/unhealthy exists. */
export interface Healthcheck {
  readonly command?: string;
  readonly interval?: string;
  readonly timeout?: string;
  readonly retries?: number;
}

export interface AgentOptions {
  readonly name: string;
  /** Further arguments of `docker run`, before the image. */
  readonly args?: readonly string[];
  /** What to run in place of /bin/agent. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly healthcheck?: Healthcheck;
  /** Agents whose shared volume appears at ~/shared-in/NAME. */
  readonly sharedFrom?: readonly string[];
  /** Its volumes can be captured: they are adopted where a plain directory cannot be. */
  readonly capturable?: boolean;
  /** Wait for the first transaction; default true. */
  readonly wait?: boolean;
}

/** An agent of Trinity's shape: one container, three volumes, uid 1000. */
export interface Agent {
  readonly name: string;
  readonly container: string;
  readonly id: string;
  readonly volumes: Readonly<Record<Role, string>>;
  /** `_data` of the volume on the host. */
  path(role: Role): string;
  /** The numbers written last; read not at once, so only a cut makes them comparable. */
  seq(): { readonly workspace: number; readonly public: number };
  /** Rows in ~/data/agent.db now. */
  rows(): Promise<number>;
}

type Docker = (args: readonly string[]) => Promise<string>;

/** Where an agent's container has its volumes. */
export const TARGETS: Readonly<Record<Role, string>> = {
  workspace: '/home/developer',
  public: '/home/developer/public',
  shared: '/home/developer/shared-out',
};
export const ROLES: readonly Role[] = ['workspace', 'public', 'shared'];

/** The volume of an agent by Trinity's naming. */
export function volumeName(agent: string, role: Role): string {
  return `agent-${agent}-${role}`;
}

/** Creates the volumes that are missing and runs the agent on them. */
export async function startAgent(docker: Docker, options: AgentOptions): Promise<Agent> {
  const { name } = options;
  const paths = new Map<Role, string>();
  for (const role of ROLES) paths.set(role, await createVolume(docker, name, role));
  for (const other of options.sharedFrom ?? []) await createVolume(docker, other, 'shared');
  const id = await docker(runArguments(options));
  const agent = describeAgent(name, id, (role) => paths.get(role) ?? '');
  if (options.wait ?? true) await until(`agent ${name} writes`, () => writes(agent));
  return agent;
}

async function createVolume(docker: Docker, agent: string, role: Role): Promise<string> {
  const name = volumeName(agent, role);
  const labels = [`trinity.platform=agent-${role}`, `trinity.agent-name=${agent}`];
  await docker(['volume', 'create', ...labels.flatMap((label) => ['--label', label]), name]);
  const path = await docker(['volume', 'inspect', '--format', '{{.Mountpoint}}', name]);
  chownSync(path, AGENT_UID, AGENT_UID);
  return path;
}

function runArguments(options: AgentOptions): string[] {
  const { name } = options;
  const volumes = [
    ...ROLES.map((role) => `${volumeName(name, role)}:${TARGETS[role]}`),
    ...(options.sharedFrom ?? []).map(
      (other) => `${volumeName(other, 'shared')}:/home/developer/shared-in/${other}`,
    ),
  ];
  return [
    ...['run', '--detach', '--network', 'none', '--name', `agent-${name}`],
    ...['--label', 'trinity.platform=agent', '--label', `trinity.agent-name=${name}`],
    ...volumes.flatMap((volume) => ['--volume', volume]),
    ...Object.entries(eased(options.env ?? {})).flatMap(([key, value]) => [
      '--env',
      `${key}=${value}`,
    ]),
    ...healthArguments(options.healthcheck),
    ...(options.args ?? []),
    AGENT_IMAGE,
    ...(options.command ?? []),
  ];
}

function healthArguments(check: Healthcheck | undefined): string[] {
  if (check === undefined) return [];
  return [
    `--health-cmd=${check.command ?? 'test ! -e /home/developer/unhealthy'}`,
    `--health-interval=${check.interval ?? (EMULATED ? '5s' : '1s')}`,
    `--health-timeout=${check.timeout ?? (EMULATED ? '30s' : '2s')}`,
    `--health-retries=${String(check.retries ?? 2)}`,
  ];
}

function describeAgent(name: string, id: string, path: (role: Role) => string): Agent {
  return {
    name,
    id,
    container: `agent-${name}`,
    volumes: {
      workspace: volumeName(name, 'workspace'),
      public: volumeName(name, 'public'),
      shared: volumeName(name, 'shared'),
    },
    path,
    seq: () => ({ workspace: readSeq(path('workspace')), public: readSeq(path('public')) }),
    rows: () => countRows(join(path('workspace'), 'data/agent.db')),
  };
}

/** The number in a volume's (or an image's) seq file. */
export function readSeq(directory: string): number {
  return Number(readFileSync(join(directory, 'seq'), 'utf8'));
}

/** Rows of an agent's database file. */
export async function countRows(database: string): Promise<number> {
  const argv = ['sqlite3', '-batch', '-cmd', '.timeout 5000', database];
  return Number(await must([...argv, 'SELECT count(*) FROM t']));
}

/** Looks into the database only when it has a WAL: a reader of one that is to get it would lock its writer out. */
async function writes(agent: Agent): Promise<boolean> {
  if (!existsSync(join(agent.path('public'), 'seq'))) return false;
  const wal = join(agent.path('workspace'), 'data/agent.db-wal');
  if ((statSync(wal, { throwIfNoEntry: false })?.size ?? 0) === 0) return false;
  return (await agent.rows().catch(() => 0)) > 0;
}
