import { hasDatasets, type Grade, type Tier } from '../model/snapshot.ts';
import type { Placement } from '../storage/driver.ts';
import type { PlacedAgent } from './host.ts';
import type { RestorePoint } from './restore-points.ts';

/** What is true of one volume's protection. */
export interface VolumeCoverage {
  readonly name: string;
  readonly tier: Tier;
  readonly isolated: boolean;
  /** It can be captured, and the agent's newest restore point holds it. */
  readonly protected: boolean;
  /** Why it is not protected, or null. */
  readonly reason: string | null;
  readonly instantRollback: boolean;
  /** What is missing for that, or null. */
  readonly missing: string | null;
  /** What brings the next of the two, or null. */
  readonly mend: string | null;
}

/** The coverage ledger of one agent. */
export interface AgentCoverage {
  readonly name: string;
  readonly volumes: readonly VolumeCoverage[];
  /** Newest restore point that is not a safety snapshot. */
  readonly lastSnapshot: string | null;
  readonly lastSnapshotAt: string | null;
  readonly grade: Grade | null;
  /** Safety snapshots included. */
  readonly restorePoints: number;
  readonly pinned: number;
}

export interface CoverageRequest {
  /** Of all agents, newest first, those from the future last. */
  readonly points: readonly RestorePoint[];
  /** Whether the driver of a filesystem can roll back at once. */
  readonly instant: (fsId: string) => boolean;
  /** Why a rollback of the agent would be refused, or null. */
  readonly blocked: string | null;
}

/** What of an agent is protected, what is not, and what is missing for instant rollback. */
export function coverageOf(agent: PlacedAgent, request: CoverageRequest): AgentCoverage {
  const own = request.points.filter((point) => point.agent === agent.name);
  const newest = newestOf(agent, request.points);
  return {
    name: agent.name,
    volumes: agent.placements.map((placement) =>
      volumeCoverage(agent, { placement, newest, request }),
    ),
    lastSnapshot: newest?.manifest.id ?? null,
    lastSnapshotAt: newest?.manifest.createdAt ?? null,
    grade: newest?.manifest.grade ?? null,
    restorePoints: own.length,
    pinned: own.filter(({ pinned }) => pinned).length,
  };
}

/** An agent's newest restore point that is not a safety snapshot; `points` of all agents, newest first, those from the future last. */
export function newestOf(
  agent: Pick<PlacedAgent, 'name'>,
  points: readonly RestorePoint[],
): RestorePoint | null {
  return points.find((point) => point.agent === agent.name && !point.manifest.safety) ?? null;
}

interface OneVolume {
  readonly placement: Placement;
  readonly newest: RestorePoint | null;
  readonly request: CoverageRequest;
}

function volumeCoverage(agent: PlacedAgent, one: OneVolume): VolumeCoverage {
  const { volume: name, tier, isolated } = one.placement;
  const reason = whyUnprotected(one);
  const missing = missingForInstant(one);
  const adopts = canBeAdopted(one.placement);
  const capture = one.placement.reason === null ? `cowherd snapshot ${agent.name}` : null;
  return {
    name,
    tier,
    isolated,
    protected: reason === null,
    reason,
    instantRollback: missing === null,
    missing,
    mend:
      reason !== null && capture !== null ? capture : adopts ? `cowherd adopt ${agent.name}` : null,
  };
}

function whyUnprotected({ placement, newest }: OneVolume): string | null {
  if (placement.reason !== null) return placement.reason;
  if (newest === null) return 'it was never captured';
  return holds(newest, placement) ? null : 'the newest restore point does not hold it';
}

function missingForInstant({ placement, request }: OneVolume): string | null {
  if (placement.fsId === '') return placement.reason;
  if (!request.instant(placement.fsId)) return `the tier ${placement.tier} cannot do it`;
  if (placement.notSwappable !== null) return placement.notSwappable;
  if (!placement.isolated) return placement.reason ?? 'it is not isolated';
  return request.blocked;
}

/** True for a volume that adopting would make isolated. */
export function canBeAdopted(placement: Placement): boolean {
  const { fsId, tier, isolated, nested, notSwappable } = placement;
  const plain = fsId !== '' && hasDatasets(tier) && !isolated;
  return plain && nested.length === 0 && notSwappable === null;
}

/** True when a restore point holds the volume; one that was removed and made again under its name is another. */
export function holds({ manifest }: RestorePoint, { volume, incarnation }: Placement): boolean {
  const recorded = manifest.volumes.find(({ name }) => name === volume);
  const before = recorded?.incarnation.directory ?? null;
  const another = before !== null && incarnation !== null && before !== incarnation;
  return recorded !== undefined && !another;
}
