import { policyFor } from '../config/policy.ts';
import { CowherdError, toFailure, type Failure } from '../model/errors.ts';
import type { Context } from './context.ts';
import { observeHost, type Host } from './host.ts';
import { lockAgents } from './locking.ts';
import { recoverQuietly } from './recover.ts';
import { readRestorePoints, restorePointsIn, type RestorePoint } from './restore-points.ts';
import { pointById } from './snapshots.ts';

export interface PruneRequest {
  readonly ids: readonly string[];
  readonly dryRun: boolean;
  /** Also what is protected, but never what is pinned. */
  readonly force: boolean;
}

export interface PruneDocument {
  readonly keep: readonly {
    readonly id: string;
    readonly time: string;
    readonly reasons: readonly string[];
  }[];
  readonly destroy: readonly { readonly id: string; readonly time: string }[];
  readonly failures: readonly Failure[];
}

/** Destroys the named restore points, each on its own; a protected one is kept and reported. Throws SNAPSHOT_UNKNOWN before anything is destroyed. */
export async function pruneIds(context: Context, request: PruneRequest): Promise<PruneDocument> {
  if (!request.dryRun) await recoverQuietly(context);
  const host = await observeHost(context);
  const listing = await readRestorePoints(context, host);
  const { points } = listing;
  const named = [...new Set(request.ids)].map((id) => pointById(listing, id));
  const judged = named.map((point) => ({
    point,
    reasons: protections(context, { point, points, force: request.force }),
  }));
  const kept = judged.filter(({ reasons }) => reasons.length > 0);
  const doomed = judged.filter(({ reasons }) => reasons.length === 0).map(({ point }) => point);
  const failures = kept.map(({ point, reasons }) => refusal(point, reasons));
  const destroyed: RestorePoint[] = [];
  for (const point of doomed) {
    try {
      if (!request.dryRun) await destroy(context, host, point);
      destroyed.push(point);
    } catch (error) {
      failures.push(toFailure(point.agent, error));
    }
  }
  return {
    keep: kept.map(({ point, reasons }) => ({ ...line(point), reasons })),
    destroy: destroyed.map(line),
    failures,
  };
}

interface Judged {
  readonly point: RestorePoint;
  readonly points: readonly RestorePoint[];
  readonly force: boolean;
}

/** Why a restore point stays (CONTRACT.md, "Never destroyed"); `force` leaves only the pin. */
function protections(context: Context, { point, points, force }: Judged): readonly string[] {
  if (point.pinned) return ['pinned'];
  if (force) return [];
  const { manifest, agent } = point;
  const newest = points.find((other) => other.agent === agent && !other.manifest.safety);
  const { safetyForMs } = policyFor(context.config, agent).retention;
  const ageMs = context.now().getTime() - Date.parse(manifest.createdAt);
  return [
    ...(newest?.manifest.id === manifest.id ? ['newest'] : []),
    ...(manifest.safety && ageMs < safetyForMs ? ['safety'] : []),
  ];
}

function refusal(point: RestorePoint, reasons: readonly string[]): Failure {
  return toFailure(point.agent, kept(point, reasons));
}

function kept({ manifest }: RestorePoint, reasons: readonly string[]): CowherdError {
  const hint = reasons.includes('pinned')
    ? `cowherd unpin ${manifest.id}`
    : 'add --force to destroy it all the same';
  const message = `${manifest.id} is kept: ${reasons.join(', ')}`;
  return new CowherdError('CONFIRMATION_REQUIRED', message, { hint });
}

async function destroy(
  context: Context,
  host: Host,
  { manifest, agent, parts }: RestorePoint,
): Promise<void> {
  const owner = host.agents.filter(({ name }) => name === agent);
  const locks = await lockAgents(context, owner, host.observation);
  try {
    // Somebody may have pinned it since it was judged.
    const stores = await Promise.all([...parts.keys()].map(async (id) => context.openStore(id)));
    const now = await restorePointsIn(stores, host.agents);
    const found = now.find((point) => point.manifest.id === manifest.id);
    if (found?.pinned === true) throw kept(found, ['pinned']);
    // The home copy goes last: without it the rest would be listed nowhere.
    const homeLast = [...parts.keys()].sort(
      (a, b) => Number(a === manifest.home) - Number(b === manifest.home),
    );
    for (const fsId of homeLast) await (await context.openStore(fsId)).destroy(manifest.id);
  } finally {
    locks.release();
  }
}

function line({ manifest }: RestorePoint): { id: string; time: string } {
  return { id: manifest.id, time: manifest.createdAt };
}
