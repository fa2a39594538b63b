import { CowherdError, toCowherdError } from '../model/errors.ts';
import type { Placement, VolumeFacts } from '../storage/driver.ts';
import { canBeAdopted } from './coverage.ts';
import { finding, someOf, type Finding } from './finding.ts';
import type { PlacedAgent } from './host.ts';
import { namesOf, notCaptured } from './nesting.ts';
import type { StoreSurvey } from './survey.ts';

/** What the places of an agent's volumes say, beyond what `coverageFindings` says. */
export function placementFindings(agent: PlacedAgent): readonly Finding[] {
  return agent.placements.flatMap((placement) => [
    ...notIsolated(agent.name, placement),
    ...mountPoint(agent.name, placement),
    ...nestedInside(agent.name, placement),
  ]);
}

function notIsolated(agent: string, placement: Placement): readonly Finding[] {
  if (!canBeAdopted(placement) || placement.reason !== null) return [];
  const { volume } = placement;
  const message = `${volume} is not isolated: it can be captured and rolled back, but not in an instant`;
  const mend = `cowherd adopt ${agent}`;
  return [finding('NOT_ISOLATED', 'info', { agent, volume, message, mend })];
}

function mountPoint(agent: string, placement: Placement): readonly Finding[] {
  const { volume, fsId, notSwappable, reason, mountpoint, hostile } = placement;
  if (fsId === '' || notSwappable === null || reason !== null) return [];
  const message = `${volume} can be captured but neither rolled back nor adopted: ${notSwappable}`;
  if (hostile !== null) {
    const mend = `make every directory above ${mountpoint} root's alone: chown root, chmod go-w`;
    return [finding(hostile, 'warn', { agent, volume, message, mend })];
  }
  const mend = 'put its data in a directory below that mount point';
  return [finding('MOUNT_POINT', 'warn', { agent, volume, message, mend })];
}

function nestedInside(agent: string, placement: Placement): readonly Finding[] {
  const { volume, isolated, nested } = placement;
  if (!isolated || nested.length === 0) return [];
  const captured = nested.filter(({ reason }) => reason === null);
  const message = `${volume} holds nested subvolumes (${namesOf(captured)}): they are captured and rolled back with it`;
  const left = notCaptured(placement);
  const mend = 'move its data to a plain directory of the volume';
  return [
    ...(captured.length > 0
      ? [finding('NESTED_SUBVOLUMES', 'info', { agent, volume, message })]
      : []),
    ...(left === null
      ? []
      : [finding('NESTED_SUBVOLUMES', 'warn', { agent, volume, message: left, mend })]),
  ];
}

/** What looking into a volume told. */
export function factFindings(
  about: { readonly agent: string; readonly volume: string },
  facts: VolumeFacts,
): readonly Finding[] {
  const { agent, volume } = about;
  const { nocow, immutable, receivedGuid, truncated } = facts;
  const say = (code: Finding['code'], message: string): Finding =>
    finding(code, 'info', { ...about, message });
  const inPlace = `${entries(nocow)} of ${volume} overwritten in place (NOCOW): without checksums, and the first write after each snapshot copies`;
  const fixed = `${entries(immutable)} of ${volume} immutable or append-only: restored so, and cleared only in what is destroyed`;
  return [
    ...(nocow > 0 ? [say('NOCOW', inPlace)] : []),
    ...(immutable > 0 ? [say('IMMUTABLE', fixed)] : []),
    ...(truncated
      ? [say('NOT_INSPECTED', `${volume} is too large to look at every file of it`)]
      : []),
    ...(receivedGuid === null ? [] : [received(agent, volume)]),
  ];
}

function entries(count: number): string {
  return count === 1 ? '1 entry is' : `${count} entries are`;
}

function received(agent: string, volume: string): Finding {
  return finding('RECEIVED_UUID', 'warn', {
    agent,
    volume,
    message: `${volume} was received from elsewhere (btrfs receive): copies of its snapshots would be taken for the original`,
    mend: `cowherd unadopt ${agent}, then cowherd adopt ${agent}: its data gets a new identity`,
  });
}

/** Other tools' snapshots of the datasets around isolated volumes: they hold an empty directory in place of each. */
export async function backupFindings(
  { store }: StoreSurvey,
  agents: readonly PlacedAgent[],
): Promise<readonly Finding[]> {
  const isolated = agents
    .flatMap(({ placements }) => placements)
    .filter(({ fsId, isolated: own }) => own && fsId === store.fsId);
  const found = await store.foreignSnapshots(isolated).catch(toCowherdError);
  if (found instanceof CowherdError) return [unread(store.fsId, found)];
  return found.map(({ dataset, snapshots, volumes }) => {
    const message = `snapshots that another tool takes of ${dataset} (${someOf(snapshots)}) do not hold ${someOf(volumes)}: going back to one brings their agents up empty`;
    const mend = 'back these volumes up with cowherd';
    return finding('BACKUP_TOOLS', 'info', { message, mend });
  });
}

/** A filesystem that fails hides nothing of the others. */
function unread(fsId: string, { message, hint }: CowherdError): Finding {
  const said = `the snapshots on filesystem ${fsId} could not be listed: ${message}`;
  return finding('STORE_UNREADABLE', 'error', { message: said, mend: hint });
}
