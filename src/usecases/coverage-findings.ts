import type { Volume } from '../model/agent.ts';
import type { Placement } from '../storage/driver.ts';
import { canBeAdopted, holds, newestOf } from './coverage.ts';
import { finding, type Finding } from './finding.ts';
import type { PlacedAgent } from './host.ts';
import { namesOf } from './nesting.ts';
import type { Survey } from './survey.ts';

/** What keeps an agent's volumes from being protected, for doctor and status; nobody can say so of those whose restore points are unread. */
export function coverageFindings(
  agent: PlacedAgent,
  { points, unread }: Pick<Survey, 'points' | 'unread'>,
): readonly Finding[] {
  const newest = newestOf(agent, points);
  const capturable = agent.placements.filter(
    ({ reason, fsId }) => reason === null && !unread.has(fsId),
  );
  const mend = `cowherd snapshot ${agent.name}`;
  const never =
    newest === null && capturable.length > 0
      ? [captureFinding(agent, { volume: null, message: `${agent.name} was never captured`, mend })]
      : [];
  const unheld = capturable.flatMap((placement) => {
    if (newest === null || holds(newest, placement)) return [];
    const { volume } = placement;
    const message = `${volume} is not in the newest restore point of ${agent.name}`;
    return [captureFinding(agent, { volume, message, mend })];
  });
  return [...agent.placements.flatMap((one) => uncapturable(agent, one)), ...never, ...unheld];
}

function captureFinding(
  agent: PlacedAgent,
  rest: Pick<Finding, 'volume' | 'message' | 'mend'>,
): Finding {
  return finding('NEVER_CAPTURED', 'warn', { agent: agent.name, ...rest });
}

const NEEDS_SNAPSHOTS = 'only data on btrfs or ZFS can be captured now: move it there';

function uncapturable(agent: PlacedAgent, placement: Placement): readonly Finding[] {
  const { volume, reason, hint, tier, filesystem, fsId, nested, hostile } = placement;
  if (reason === null) return [];
  const about = { agent: agent.name, volume };
  const message = `${volume} cannot be captured: ${reason}`;
  if (hostile !== null) return [finding(hostile, 'error', { ...about, message, mend: hint })];
  const listed = agent.volumes.find(({ name }) => name === volume);
  if (listed !== undefined && isMissing(listed, placement)) return [missing(about, listed, reason)];
  if (tier === 'unsupported')
    return [finding('TIER_UNSUPPORTED', 'warn', { ...about, message, mend: NEEDS_SNAPSHOTS })];
  if (fsId === '') {
    const said = `${message} (${filesystem}, tier ${tier})`;
    return [finding('NO_DRIVER', 'warn', { ...about, message: said, mend: NEEDS_SNAPSHOTS })];
  }
  if (canBeAdopted(placement)) {
    const mend = `cowherd adopt ${agent.name}`;
    return [finding('NOT_ISOLATED', 'warn', { ...about, message, mend })];
  }
  if (hint !== null && nested.length === 0)
    return [finding('NOT_MOUNTED', 'error', { ...about, message, mend: hint })];
  const mend = `make plain directories of ${namesOf(nested)}, then: cowherd adopt ${agent.name}`;
  return [finding('NESTED_SUBVOLUMES', 'error', { ...about, message, mend })];
}

/** The place is known, and nothing is there. */
function isMissing({ unsupported }: Volume, { tier, filesystem }: Placement): boolean {
  return unsupported === null && tier === 'unsupported' && filesystem === 'unknown';
}

function missing(
  about: Pick<Finding, 'agent' | 'volume'>,
  { kind, mountpoint }: Volume,
  message: string,
): Finding {
  if (kind === 'docker' && mountpoint.endsWith('/_data'))
    return finding('DATA_MISSING', 'error', { ...about, message, mend: 'cowherd recover' });
  if (kind === 'docker')
    return finding('DATA_MISSING', 'error', { ...about, message, mend: `mkdir ${mountpoint}` });
  const mend = `make ${mountpoint}, or take it out of agents.paths in the config`;
  return finding('LISTED_PATH_MISSING', 'error', { ...about, message, mend });
}
