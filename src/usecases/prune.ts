import { policyFor } from '../config/policy.ts';
import { CowherdError, toFailure, type Failure } from '../model/errors.ts';
import { isFuture, newestOf } from '../model/snapshot-id.ts';
import { formerOn } from './agent-plan.ts';
import type { Context } from './context.ts';
import { freedBy } from './freed.ts';
import { observeHost, type Host } from './host.ts';
import { lockAgents } from './locking.ts';
import { destroyParts } from './destroy-parts.ts';
import { lockPoints } from './point-lock.ts';
import { kept, line, type PruneDocument } from './prune-document.ts';
import { recoverQuietly } from './recover.ts';
import { readRestorePoints, type RestorePoint, type Unread } from './restore-points.ts';
import { pointById } from './snapshots.ts';

export interface PruneRequest {
  readonly ids: readonly string[];
  readonly dryRun: boolean;
  /** Also what is protected, but never what is pinned. */
  readonly force: boolean;
  /** Also says what it frees, or would. */
  readonly frees?: boolean;
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
    reasons: protections(context, { host, point, points, force: request.force }),
  }));
  const protectedOnes = judged.filter(({ reasons }) => reasons.length > 0);
  const doomed = judged.filter(({ reasons }) => reasons.length === 0).map(({ point }) => point);
  const failures = protectedOnes.map(({ point, reasons }) => refusal(point, reasons));
  const destroyed: RestorePoint[] = [];
  for (const point of doomed) {
    try {
      if (!request.dryRun) await destroyOne(context, { host, point, force: request.force });
      destroyed.push(point);
    } catch (error) {
      failures.push(toFailure(point.agent, error));
    }
  }
  const destroy = destroyed.map(line);
  return {
    keep: protectedOnes.map(({ point, reasons }) => kept(point, reasons)),
    destroy,
    failures,
    ...(request.frees === true ? { frees: await freedBy(context, points, destroy) } : {}),
  };
}

interface Judged {
  readonly host: Host;
  readonly point: RestorePoint;
  readonly points: readonly RestorePoint[];
  readonly force: boolean;
}

/** Why a restore point stays (CONTRACT.md, "Never destroyed"); `force` leaves only the pin. */
function protections(context: Context, { host, point, points, force }: Judged): readonly string[] {
  if (point.pinned) return ['pinned'];
  if (force) return [];
  const { manifest, agent } = point;
  const now = context.now();
  const own = points.filter((other) => other.agent === agent);
  const newest = newestOf(
    own.map((other) => other.manifest),
    now,
  );
  const { safetyForMs } = policyFor(context.config, agent).retention;
  const ageMs = now.getTime() - Date.parse(manifest.createdAt);
  return [
    ...(newest?.id === manifest.id ? ['newest'] : []),
    ...(formerOn(host, own).has(manifest.id) ? ['former-incarnation'] : []),
    ...(isFuture(manifest, now) ? ['future'] : []),
    ...(manifest.safety && ageMs < safetyForMs ? ['safety'] : []),
  ];
}

function refusal(point: RestorePoint, reasons: readonly string[]): Failure {
  return toFailure(point.agent, keptError(point, reasons));
}

function keptError({ manifest }: RestorePoint, reasons: readonly string[]): CowherdError {
  const hint = reasons.includes('pinned')
    ? `cowherd unpin ${manifest.id}`
    : 'add --force to destroy it all the same';
  const message = `${manifest.id} is kept: ${reasons.join(', ')}`;
  return new CowherdError('CONFIRMATION_REQUIRED', message, { hint });
}

interface Doomed {
  readonly host: Host;
  readonly point: RestorePoint;
  readonly force: boolean;
}

async function destroyOne(context: Context, doomed: Doomed): Promise<void> {
  const { host, point } = doomed;
  const owner = host.agents.filter(({ name }) => name === point.agent);
  const locks = await lockAgents(context, owner, host.observation);
  try {
    const turn = await lockPoints(context, [point.manifest.agent]);
    try {
      const unread = await expectUnprotected(context, doomed);
      await destroyParts(context, point, unread);
    } finally {
      turn.release();
    }
  } finally {
    locks.release();
  }
}

/** Somebody may have pinned it, or destroyed a newer one, since it was judged. Gives the filesystems that cannot be read. */
async function expectUnprotected(
  context: Context,
  { host, point, force }: Doomed,
): Promise<readonly Unread[]> {
  const { points, unread } = await readRestorePoints(context, host);
  const found = points.find(({ manifest }) => manifest.id === point.manifest.id);
  if (found === undefined && unread[0] !== undefined) throw unread[0].error;
  const reasons =
    found === undefined ? [] : protections(context, { host, point: found, points, force });
  if (found !== undefined && reasons.length > 0) throw keptError(found, reasons);
  return unread;
}
