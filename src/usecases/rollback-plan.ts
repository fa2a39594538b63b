import type { Docker } from '../docker/docker.ts';
import { CowherdError } from '../model/errors.ts';
import type { RecordedVolume } from '../model/manifest.ts';
import { isFuture, parseSnapshotId, pickSnapshot } from '../model/snapshot-id.ts';
import type { Context } from './context.ts';
import { someOf } from './finding.ts';
import { observeHost, type Host, type PlacedAgent } from './host.ts';
import { nesting } from './nesting.ts';
import {
  expectUndamaged,
  readRestorePoints,
  tellUnread,
  type DamagedPoint,
  type Listing,
  type RestorePoint,
} from './restore-points.ts';
import { selectOne } from './selection.ts';
import { rollbackSwaps, type Swap } from './swap-plan.ts';
import { usersToStop, type Users } from './users.ts';

export interface RollbackTarget {
  readonly agent: string;
  /** An id, `latest` or an RFC 3339 time. */
  readonly snapshot: string;
  readonly includeUsers: boolean;
}

/** Everything a rollback decided before it changed anything. */
export interface RollbackPlan {
  readonly host: Host;
  readonly agent: PlacedAgent;
  readonly point: RestorePoint;
  readonly swaps: readonly Swap[];
  readonly users: Users;
  /** Docker volumes of the restore point that are gone: they are created again before anything else. */
  readonly missing: readonly RecordedVolume[];
}

/**
 * What a rollback would do; also for an agent whose volumes were all removed. Throws AGENT_UNKNOWN, SNAPSHOT_UNKNOWN,
 * TIER_UNSUPPORTED, and the refusals OTHER_USERS, AUTOREMOVE_USER, ORCHESTRATED_USER.
 */
export async function planRollback(
  context: Context,
  target: RollbackTarget,
): Promise<RollbackPlan> {
  const host = await observeHost(context);
  const listing = await readRestorePoints(context, host);
  const { points, damaged } = listing;
  expectUndamaged(damaged, target.snapshot);
  const agent = await agentOf(context, { host, listing, name: target.agent });
  const own = points.filter((point) => point.agent === agent.name);
  const listed = own.map((point) => ({ ...point.manifest, point }));
  const wanted = { agent: agent.name, snapshot: target.snapshot, now: context.now() };
  const { point } = pickSnapshot(listed, wanted);
  if (point.manifest.id !== target.snapshot) tellPassedOver(context, damaged, point);
  if (target.snapshot === 'latest') tellFuture(context, listed, point);
  const missing = missingVolumes(host, point);
  const users = await usersToStop(await context.docker(), {
    agent,
    containers: host.observation.containers,
    includeUsers: target.includeUsers,
  });
  return { host, agent, point, swaps: rollbackSwaps(agent, { point, missing }), users, missing };
}

/** Who asks for the newest must know when there was a newer one that cannot be used. */
function tellPassedOver(
  context: Context,
  damaged: readonly DamagedPoint[],
  { agent, manifest }: RestorePoint,
): void {
  const names = [agent, manifest.agent];
  const newer = damaged.filter((one) => names.includes(one.agent) && isNewer(one.id, manifest.id));
  for (const { error } of newer) context.tell(`warning: ${error.code}: ${error.message}`);
}

/** Which of two is the newest only a right clock can tell. */
function tellFuture(
  { now, tell }: Context,
  own: readonly RestorePoint['manifest'][],
  { manifest }: RestorePoint,
): void {
  const future = own.filter((one) => !one.safety && isFuture(one, now()));
  if (future.length === 0) return;
  const said = `restore points from the future: ${someOf(future.map(({ id }) => id))}`;
  tell(`warning: CLOCK_SUSPECT: ${said}; latest is taken to be ${manifest.id}`);
}

/** By the seconds of their ids; of the same one it may be. */
function isNewer(id: string, than: string): boolean {
  const [a, b] = [parseSnapshotId(id), parseSnapshotId(than)];
  return a !== null && b !== null && a.createdAt >= b.createdAt;
}

interface Known {
  readonly host: Host;
  readonly listing: Listing;
  readonly name: string;
}

/** The agent of an exact name; one that lives only in its restore points has neither containers nor volumes. Throws why its own could not all be read. */
async function agentOf(context: Context, { host, listing, name }: Known): Promise<PlacedAgent> {
  const { points, unread } = listing;
  const alive = host.agents.some((agent) => agent.name === name || agent.aliases.includes(name));
  if (!alive && points.some((point) => point.agent === name)) {
    return { name, aliases: [], containers: [], volumes: [], placements: [] };
  }
  if (!alive && unread[0] !== undefined) throw unread[0].error;
  const agent = selectOne(context, host, name);
  const own = unread.find(({ fsId }) => agent.placements.some((one) => one.fsId === fsId));
  if (own !== undefined) throw own.error;
  tellUnread(context, unread);
  return nesting(context)(agent);
}

function missingVolumes(host: Host, point: RestorePoint): readonly RecordedVolume[] {
  const there = new Set(host.agents.flatMap(({ volumes }) => volumes.map(({ name }) => name)));
  return point.manifest.volumes.filter(({ name, kind }) => kind === 'docker' && !there.has(name));
}

/** Creates the volumes that are gone, empty and with the labels they had. */
export async function recreateVolumes(
  docker: Docker | null,
  missing: readonly RecordedVolume[],
): Promise<void> {
  if (docker === null && missing.length > 0) {
    throw new CowherdError('DOCKER_UNREACHABLE', 'volumes are gone, and Docker is switched off', {
      hint: 'set docker.socket in the config',
    });
  }
  for (const { name, labels } of missing) await docker?.createVolume(name, labels);
}
