import { CowherdError } from '../model/errors.ts';
import { isGlob, matchesAny } from '../model/globs.ts';
import { nearest } from '../model/nearest.ts';
import type { SnapshotDocument } from '../model/snapshot.ts';
import type { Context } from './context.ts';
import { observeHost, type Host } from './host.ts';
import { listRestorePoints, snapshotDocument, type RestorePoint } from './restore-points.ts';

/** Restore points of the chosen agents, newest first; also of agents that live only in them. Throws AGENT_UNKNOWN. */
export async function listSnapshots(
  context: Context,
  patterns: readonly string[],
): Promise<readonly SnapshotDocument[]> {
  const host = await observeHost(context);
  const points = await listRestorePoints(context, host);
  return selectPoints(context, { host, points, patterns }).map(snapshotDocument);
}

interface Selection {
  readonly host: Host;
  readonly points: readonly RestorePoint[];
  readonly patterns: readonly string[];
}

function selectPoints(
  context: Context,
  { host, points, patterns }: Selection,
): readonly RestorePoint[] {
  if (patterns.length === 0) return points;
  const known = new Set([
    ...host.agents.map(({ name }) => name),
    ...points.map(({ agent }) => agent),
  ]);
  const wanted = patterns.map((pattern) => currentName(host, pattern));
  for (const pattern of wanted) {
    if (isGlob(pattern)) {
      if (![...known].some((name) => matchesAny(name, [pattern])))
        context.tell(`warning: no agent matches ${pattern}`);
    } else if (!known.has(pattern)) throw unknown(pattern, [...known]);
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

/** The restore point of an exact id, whoever's it is. Throws SNAPSHOT_UNKNOWN with the nearest id in the hint. */
export function pointById(points: readonly RestorePoint[], id: string): RestorePoint {
  const point = points.find(({ manifest }) => manifest.id === id);
  if (point !== undefined) return point;
  const guess = nearest(
    id,
    points.map(({ manifest }) => manifest.id),
  );
  throw new CowherdError('SNAPSHOT_UNKNOWN', `there is no restore point ${id}`, {
    hint: guess === null ? 'cowherd snapshots lists them' : `did you mean ${guess}?`,
  });
}
