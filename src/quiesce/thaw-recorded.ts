import type { ContainerPort, ContainerStatus, FreezeTarget } from './port.ts';
import type { FreezeRecord } from './record-schema.ts';
import { isOwnerAlive, readRecords, removeRecord } from './records.ts';
import type { StoredRecord } from './records.ts';
import { noDocker, thawTargets, unpauseBy } from './thaw.ts';
import { isHeld } from './watch.ts';

export interface ThawRequest {
  readonly runtimeDir: string;
  /** `too`: also what a living process holds right now, whose capture is thereby invalid; `skip`: only what dead ones left behind. */
  readonly liveOwners: 'too' | 'skip';
  /** Null without Docker. */
  readonly port: ContainerPort | null;
}

/** `owner-paused`: its owner paused it with docker pause in the meantime, so it stays so. */
export interface ThawResult {
  readonly containerId: string;
  readonly name: string;
  readonly outcome: 'thawed' | 'not-frozen' | 'owner-paused' | 'failed';
}

export interface ThawReport {
  readonly results: readonly ThawResult[];
  /** Record files that cannot be read as such; they are left where they are. */
  readonly unreadable: readonly string[];
}

/**
 * Thaws what the records in `runtimeDir` say is frozen, and removes a dead owner's record when all of it is thawed. Takes no lock.
 * Throws the system's error when the records cannot be listed.
 */
export async function thawRecorded(request: ThawRequest): Promise<ThawReport> {
  const stored = readRecords(request.runtimeDir);
  const results: ThawResult[] = [];
  for (const one of stored) results.push(...(await thawOne(one, request)));
  return {
    results,
    unreadable: stored.filter(({ record }) => record === null).map(({ file }) => file),
  };
}

async function thawOne(
  { file, record }: StoredRecord,
  { liveOwners, port }: ThawRequest,
): Promise<readonly ThawResult[]> {
  if (record === null) return [];
  const alive = isOwnerAlive(record);
  if (alive && liveOwners === 'skip') return [];
  const results = await thawRecord(record, port);
  if (!alive && results.every(({ outcome }) => outcome !== 'failed')) removeRecord(file);
  return results;
}

function thawRecord(
  { targets }: FreezeRecord,
  port: ContainerPort | null,
): Promise<readonly ThawResult[]> {
  return Promise.all(
    targets.map(async (target) => {
      const { containerId, name } = target;
      return { containerId, name, outcome: await thawTarget(target, port) };
    }),
  );
}

async function thawTarget(
  target: FreezeTarget,
  port: ContainerPort | null,
): Promise<ThawResult['outcome']> {
  const status = await statusOf(target, port);
  const paused = status?.state === 'paused';
  if (target.method === 'cgroup' && paused) return 'owner-paused';
  const held = target.cgroup !== null && isHeld(target.cgroup);
  const maybePaused = target.method === 'pause' && (paused || status === undefined);
  if (!held && !maybePaused) return 'not-frozen';
  const left = await thawTargets([target], port === null ? noDocker : unpauseBy(port));
  return left.length === 0 ? 'thawed' : 'failed';
}

/** Undefined when Docker does not answer. */
async function statusOf(
  { containerId }: FreezeTarget,
  port: ContainerPort | null,
): Promise<ContainerStatus | null | undefined> {
  try {
    return port === null ? undefined : await port.inspect(containerId);
  } catch {
    return undefined;
  }
}
