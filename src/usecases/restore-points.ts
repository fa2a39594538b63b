import type { Agent } from '../model/agent.ts';
import { CowherdError, toCowherdError } from '../model/errors.ts';
import type { StoredSnapshot } from '../model/manifest.ts';
import { isFuture, newestFirst, parseSnapshotId } from '../model/snapshot-id.ts';
import type { SnapshotDocument } from '../model/snapshot.ts';
import type { Store } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { storeIds, type Host } from './host.ts';

/** A restore point, and the agent its history belongs to now. */
export interface RestorePoint extends Omit<StoredSnapshot, 'locations'> {
  readonly agent: string;
  /** What of it is on each filesystem: an agent's volumes may lie on several. */
  readonly parts: ReadonlyMap<string, Pick<StoredSnapshot, 'locations'>>;
}

/** A filesystem whose restore points could not be read, with why. */
export interface Unread {
  readonly fsId: string;
  readonly error: CowherdError;
}

/** A restore point that is there and cannot be listed: its manifest cannot be read, or an image is gone. */
export interface DamagedPoint {
  readonly id: string;
  /** By its id: whose its volumes are now only its manifest could tell. */
  readonly agent: string;
  readonly error: CowherdError;
}

export interface Listing {
  /** Newest first. */
  readonly points: readonly RestorePoint[];
  readonly unread: readonly Unread[];
  readonly damaged: readonly DamagedPoint[];
}

/** Every complete restore point on the filesystems of this host's agents, as far as these can be read: one that fails hides no other's. */
export async function readRestorePoints(context: Context, host: Host): Promise<Listing> {
  const damaged: DamagedPoint[] = [];
  const readable = await readEach(context, host, async (store) => {
    const listed = await store.list();
    const whole = new Set(listed.map(({ manifest }) => manifest.id));
    damaged.push(...(await store.damaged(whole)).map(damagedPoint));
    return listed;
  });
  return { ...readable, damaged };
}

/** The same once more, of those with wanted ids alone: no other's manifest is read. */
export async function readWanted(
  context: Context,
  host: Host,
  isWanted: (id: string) => boolean,
): Promise<Omit<Listing, 'damaged'>> {
  return readEach(context, host, async (store) => store.list(isWanted));
}

async function readEach(
  context: Context,
  host: Host,
  read: (store: Store) => Promise<readonly StoredSnapshot[]>,
): Promise<Omit<Listing, 'damaged'>> {
  const unread: Unread[] = [];
  const stores = (await storeIds(context, host)).map((fsId) => ({
    fsId,
    list: async () => {
      try {
        return await read(await context.openStore(fsId));
      } catch (error) {
        unread.push({ fsId, error: notRead(fsId, error) });
        return [];
      }
    },
  }));
  return { points: await restorePointsIn(stores, host.agents), unread };
}

/** The same where the rest is enough: what could not be read is told. */
export async function listRestorePoints(
  context: Context,
  host: Host,
): Promise<readonly RestorePoint[]> {
  const { points, unread } = await readRestorePoints(context, host);
  tellUnread(context, unread);
  return points;
}

/** Tells what could not be read, where that does not matter to what is done. */
export function tellUnread(context: Context, unread: readonly Unread[]): void {
  for (const { error } of unread) context.tell(`warning: ${error.code}: ${error.message}`);
}

/** Throws IO_ERROR when this id is the one of a damaged restore point. */
export function expectUndamaged(damaged: readonly DamagedPoint[], id: string): void {
  const found = damaged.find((point) => point.id === id);
  if (found !== undefined) throw found.error;
}

function damagedPoint(id: string): DamagedPoint {
  const said = `restore point ${id} is damaged: its manifest cannot be read (or is over 8 MiB), or an image of it is gone`;
  const hint = 'what is left of it is left alone; cowherd doctor says where';
  const error = new CowherdError('IO_ERROR', said, { hint });
  return { id, agent: parseSnapshotId(id)?.agent ?? id, error };
}

function notRead(fsId: string, thrown: unknown): CowherdError {
  const { code, message, hint } = toCowherdError(thrown);
  const said = `the restore points on filesystem ${fsId} could not be read: ${message}`;
  return new CowherdError(code, said, { hint, cause: thrown });
}

/** The restore points of these stores alone, newest first. */
export async function restorePointsIn(
  stores: readonly Pick<Store, 'fsId' | 'list'>[],
  agents: readonly Agent[],
): Promise<readonly RestorePoint[]> {
  const listings = await Promise.all(
    stores.map(async (store) => ({ fsId: store.fsId, listed: await store.list() })),
  );
  const parts = listings.flatMap(({ fsId, listed }) => listed.map((stored) => ({ fsId, stored })));
  const home = parts.filter(({ fsId, stored }) => stored.manifest.home === fsId);
  const ownerOf = ownersAmong(agents);
  const byId = Map.groupBy(parts, ({ stored }) => stored.manifest.id);
  const points = home.map(({ stored }) => ({
    ...stored,
    agent: ownerOf(stored),
    parts: new Map(byId.get(stored.manifest.id)?.map((part) => [part.fsId, part.stored])),
  }));
  const ordered = newestFirst(
    points.map((point) => ({ point, id: point.manifest.id, createdAt: point.manifest.createdAt })),
  );
  return ordered.map(({ point }) => point);
}

/**
 * Whose restore points are: history follows the volumes, so it is the agent that owns most of them now; where none of them exists
 * any more, the agent of that name, or that once had it.
 */
export function ownersAmong(
  agents: readonly Agent[],
): (stored: Pick<StoredSnapshot, 'manifest'>) => string {
  const holders = new Map<string, string[]>();
  for (const agent of agents)
    for (const { name } of agent.volumes)
      holders.set(name, [...(holders.get(name) ?? []), agent.name]);
  const rank = new Map(agents.map(({ name }, index) => [name, index]));
  return ({ manifest }) => {
    const names = new Set(manifest.volumes.map(({ name }) => name));
    const owned = new Map<string, number>();
    for (const holder of [...names].flatMap((name) => holders.get(name) ?? []))
      owned.set(holder, (owned.get(holder) ?? 0) + 1);
    const place = (name: string): number => rank.get(name) ?? agents.length;
    const [most] = [...owned].sort(([a, m], [b, n]) => n - m || place(a) - place(b));
    if (most !== undefined) return most[0];
    if (rank.has(manifest.agent)) return manifest.agent;
    return agents.find(({ aliases }) => aliases.includes(manifest.agent))?.name ?? manifest.agent;
  };
}

/** Those from the future after all others: a clock that was wrong once must not make one the newest of its agent for years. */
export function futureLast<T extends Pick<RestorePoint, 'manifest'>>(
  points: readonly T[],
  now: Date,
): readonly T[] {
  const isAhead = ({ manifest }: T): boolean => isFuture(manifest, now);
  return [...points.filter((point) => !isAhead(point)), ...points.filter(isAhead)];
}

/** A restore point as the JSON documents show it. */
export function snapshotDocument(
  point: Pick<RestorePoint, 'manifest' | 'pinned' | 'agent' | 'parts'>,
): SnapshotDocument {
  const { manifest, pinned, agent } = point;
  return {
    id: manifest.id,
    agent,
    createdAt: manifest.createdAt,
    grade: manifest.grade,
    atRest: manifest.atRest,
    frozenMs: manifest.frozenMs,
    pinned,
    safety: manifest.safety,
    tags: manifest.tags,
    volumes: manifest.volumes.map(({ name, tier, guid, fsId, image }) => ({
      name,
      tier,
      guid,
      location: point.parts.get(fsId)?.locations[image] ?? '',
    })),
    sqlite: manifest.sqlite,
    ...(manifest.liveDatabases === undefined ? {} : { liveDatabases: manifest.liveDatabases }),
  };
}
