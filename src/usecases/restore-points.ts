import type { Agent } from '../model/agent.ts';
import { CowherdError, toCowherdError } from '../model/errors.ts';
import type { StoredSnapshot } from '../model/manifest.ts';
import { newestFirst } from '../model/snapshot-id.ts';
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

export interface Listing {
  /** Newest first. */
  readonly points: readonly RestorePoint[];
  readonly unread: readonly Unread[];
}

/** Every complete restore point on the filesystems of this host's agents, as far as these can be read: one that fails hides no other's. */
export async function readRestorePoints(context: Context, host: Host): Promise<Listing> {
  const unread: Unread[] = [];
  const stores = (await storeIds(context, host)).map((fsId) => ({
    fsId,
    list: async () => {
      try {
        return await (await context.openStore(fsId)).list();
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
  const points = home.map(({ stored }) => ({
    ...stored,
    agent: ownerOf(stored, agents),
    parts: new Map(
      parts
        .filter((part) => part.stored.manifest.id === stored.manifest.id)
        .map((part) => [part.fsId, part.stored]),
    ),
  }));
  const ordered = newestFirst(
    points.map((point) => ({ point, id: point.manifest.id, createdAt: point.manifest.createdAt })),
  );
  return ordered.map(({ point }) => point);
}

/**
 * Whose restore point it is: history follows the volumes, so it is the agent that owns most of them now; where none of
 * them exists any more, the agent of that name, or that once had it.
 */
export function ownerOf(
  stored: Pick<StoredSnapshot, 'manifest'>,
  agents: readonly Agent[],
): string {
  const { manifest } = stored;
  const captured = new Set(manifest.volumes.map(({ name }) => name));
  const owned = (agent: Agent): number =>
    agent.volumes.filter(({ name }) => captured.has(name)).length;
  const [most] = [...agents].sort((a, b) => owned(b) - owned(a));
  if (most && owned(most) > 0) return most.name;
  if (agents.some(({ name }) => name === manifest.agent)) return manifest.agent;
  return agents.find(({ aliases }) => aliases.includes(manifest.agent))?.name ?? manifest.agent;
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
  };
}
