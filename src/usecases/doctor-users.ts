import type { ContainerDetails, Docker } from '../docker/docker.ts';
import { isAlive, type Container } from '../model/agent.ts';
import { overseers } from '../model/usage.ts';
import { mapLimited } from '../model/limited.ts';
import { finding, someOf, type Finding } from './finding.ts';
import type { PlacedAgent } from './host.ts';
import { usersOf } from './locking.ts';
import { processesUsing } from './mount-check.ts';
import { isSandboxed } from './sqlite.ts';
import { orchestratorOf } from './users.ts';

const INSPECTIONS_AT_ONCE = 8;

/** Details by id of every running container that uses a volume of these agents; one that is gone meanwhile is left out. */
export async function inspectUsers(
  docker: Docker | null,
  agents: readonly PlacedAgent[],
  containers: readonly Container[],
): Promise<ReadonlyMap<string, ContainerDetails>> {
  const alive = containers.filter(isAlive);
  const ids = [...new Set(agents.flatMap((agent) => usersOf(agent, alive).map(({ id }) => id)))];
  const found = await mapLimited(ids, INSPECTIONS_AT_ONCE, async (id) =>
    docker === null ? null : docker.inspect(id).catch(() => null),
  );
  return new Map(found.flatMap((details) => (details === null ? [] : [[details.id, details]])));
}

/** What the running users of an agent's volumes stand in the way of; those that keep a rollback from running first. */
export function userFindings(
  agent: PlacedAgent,
  users: readonly ContainerDetails[],
): readonly Finding[] {
  const own = new Set(agent.containers.map(({ id }) => id));
  const removed = users.filter(({ autoRemove }) => autoRemove).map(({ name }) => name);
  const others = users.filter(({ id }) => !own.has(id)).map(({ name }) => name);
  const sandboxed = users.filter(isSandboxed).map(({ name }) => name);
  return [
    ...about(agent, removed, autoRemoved),
    ...users.flatMap((user) => orchestrated(agent, user)),
    ...about(agent, others, otherUsers),
    ...about(agent, sandboxed, sandboxedUsers),
  ];
}

function about(
  agent: PlacedAgent,
  names: readonly string[],
  say: (agent: string, names: string) => Finding,
): readonly Finding[] {
  return names.length === 0 ? [] : [say(agent.name, someOf([...names].sort()))];
}

function autoRemoved(agent: string, names: string): Finding {
  return finding('AUTOREMOVE_USER', 'warn', {
    agent,
    message: `${names} was started with --rm, and stopping would remove it: rollback and adopt are refused`,
    mend: 'start it without --rm',
  });
}

function orchestrated({ name }: PlacedAgent, user: ContainerDetails): readonly Finding[] {
  const owner = orchestratorOf(user);
  if (owner === null) return [];
  return [
    finding('ORCHESTRATED_USER', 'info', {
      agent: name,
      message: `${user.name} belongs to ${owner}, which replaces what is stopped: rollback and adopt are refused`,
      mend: `before one of them, scale its service to zero in ${owner}`,
    }),
  ];
}

function otherUsers(agent: string, names: string): Finding {
  return finding('OTHER_USERS', 'info', {
    agent,
    message: `volumes of ${agent} are also used by ${names}, which a rollback must stop too`,
    mend: `cowherd rollback ${agent} --include-users`,
  });
}

function sandboxedUsers(agent: string, names: string): Finding {
  return finding('SANDBOXED_RUNTIME', 'info', {
    agent,
    message: `${names} runs in a sandbox (gVisor, Kata): databases get no checkpoint, "frozen" is the best grade`,
  });
}

/** Processes of the host in the listed directories of an agent. */
export async function hostProcessFindings(agent: PlacedAgent): Promise<readonly Finding[]> {
  const listed = agent.volumes.filter(({ kind }) => kind === 'path').map(({ name }) => name);
  const places = agent.placements.filter(
    ({ volume, fsId }) => listed.includes(volume) && fsId !== '',
  );
  const found = await Promise.all(
    places.map(async ({ volume, mountpoint }) => {
      const pids = await processesUsing(mountpoint);
      if (pids.length === 0) return [];
      const message = `${volume} is in use by process ${someOf(pids.map(String))} of this host: rollback is refused while it runs`;
      const mend = 'end that process before a rollback';
      return [finding('OTHER_USERS', 'info', { agent: agent.name, volume, message, mend })];
    }),
  );
  return found.flat();
}

/** Running containers that can write to volumes through a directory above them, unseen by the freeze. */
export function overseerFindings(
  agents: readonly PlacedAgent[],
  containers: readonly Container[],
): readonly Finding[] {
  const alive = containers.filter(isAlive);
  const volumes = agents.flatMap((agent) => agent.volumes);
  const pairs = volumes.flatMap((volume) =>
    overseers(alive, volume).map((name) => ({ name, volume: volume.name })),
  );
  return Array.from(
    Map.groupBy(pairs, ({ name }) => name),
    ([name, reached]) =>
      finding('OVERSEER', 'info', {
        message: `container ${name} may write to ${someOf(reached.map(({ volume }) => volume))} through a directory above: it is not frozen with them`,
        mend: 'mount that directory read-only in it',
      }),
  );
}
