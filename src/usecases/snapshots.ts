import { CowherdError, toFailure, type Failure } from '../model/errors.ts';
import { isGlob, matchesAny } from '../model/globs.ts';
import { nearest } from '../model/nearest.ts';
import type { SnapshotDocument } from '../model/snapshot.ts';
import type { Context } from './context.ts';
import { observeHost, type Host } from './host.ts';
import {
  expectUndamaged,
  readRestorePoints,
  snapshotDocument,
  type Listing,
  type RestorePoint,
} from './restore-points.ts';

export interface SnapshotsDocument {
  readonly snapshots: readonly SnapshotDocument[];
  /** Restore points that are damaged, and filesystems where they could not be read: there are, or may be, more than are listed. */
  readonly failures: readonly Failure[];
}

/**
 * Restore points of the chosen agents, newest first; also of agents that live only in them. Throws AGENT_UNKNOWN, and why
 * they could not be read where an agent is unknown only since restore points are.
 */
export async function listSnapshots(
  context: Context,
  patterns: readonly string[],
): Promise<SnapshotsDocument> {
  const host = await observeHost(context);
  const listing = await readRestorePoints(context, host);
  return {
    snapshots: selectPoints(context, { host, listing, patterns }).map(snapshotDocument),
    failures: [
      ...listing.unread.map(({ error }) => toFailure(null, error)),
      ...listing.damaged
        .filter(({ agent }) => patterns.length === 0 || matchesAny(agent, patterns))
        .map(({ agent, error }) => toFailure(agent, error)),
    ],
  };
}

export interface Selection {
  readonly host: Host;
  readonly listing: Listing;
  readonly patterns: readonly string[];
}

/** The restore points of the chosen agents, in their order. Throws as {@link listSnapshots} does. */
export function selectPoints(
  context: Context,
  { host, listing: { points, unread, damaged }, patterns }: Selection,
): readonly RestorePoint[] {
  if (patterns.length === 0) return points;
  const known = new Set([
    ...host.agents.map(({ name }) => name),
    ...points.map(({ agent }) => agent),
    ...damaged.map(({ agent }) => agent),
  ]);
  const wanted = patterns.map((pattern) => currentName(host, pattern));
  for (const pattern of wanted) {
    if (isGlob(pattern)) {
      if (![...known].some((name) => matchesAny(name, [pattern])))
        context.tell(`warning: no agent matches ${pattern}`);
    } else if (!known.has(pattern)) throw unread[0]?.error ?? unknown(pattern, [...known]);
  }
  return points.filter(({ agent }) => matchesAny(agent, wanted));
}

/** A renamed agent is found by its old name too. */
function currentName(host: Host, pattern: string): string {
  if (host.agents.some(({ name }) => name === pattern)) return pattern;
  return host.agents.find(({ aliases }) => aliases.includes(pattern))?.name ?? pattern;
}

function unknown(name: string, known: readonly string[]): CowherdError {
  const guess = nearest(name, known);
  return new CowherdError(
    'AGENT_UNKNOWN',
    `there is no agent ${name}, and no restore point of one`,
    {
      hint: guess === null ? 'cowherd agents lists them' : `did you mean ${guess}?`,
    },
  );
}

/**
 * The restore point of an exact id, whoever's it is. Throws SNAPSHOT_UNKNOWN with the nearest id in the hint; IO_ERROR when
 * it is damaged; where it may be on a filesystem that could not be read, why not.
 */
export function pointById({ points, unread, damaged }: Listing, id: string): RestorePoint {
  const point = points.find(({ manifest }) => manifest.id === id);
  if (point !== undefined) return point;
  expectUndamaged(damaged, id);
  if (unread[0] !== undefined) throw unread[0].error;
  const guess = nearest(
    id,
    points.map(({ manifest }) => manifest.id),
  );
  throw new CowherdError('SNAPSHOT_UNKNOWN', `there is no restore point ${id}`, {
    hint: guess === null ? 'cowherd snapshots lists them' : `did you mean ${guess}?`,
  });
}
