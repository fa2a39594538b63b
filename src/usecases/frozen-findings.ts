import type { Container } from '../model/agent.ts';
import { toCowherdError } from '../model/errors.ts';
import type { FreezeTarget } from '../quiesce/port.ts';
import { isOwnerAlive, readRecords, type StoredRecord } from '../quiesce/records.ts';
import { isHeld } from '../quiesce/watch.ts';
import { roomProblem } from '../exec/room.ts';
import { finding, someOf, type Finding } from './finding.ts';

type Listed = Pick<Container, 'id' | 'state'>;

/** A runtime directory in which nothing fits any more: whatever has to lock or freeze is refused. */
export async function runtimeFindings(runtimeDir: string): Promise<readonly Finding[]> {
  const problem = await roomProblem(runtimeDir).catch(toCowherdError);
  if (problem === null) return [];
  const { message, hint } = problem;
  const code = problem.code === 'NO_SPACE' ? 'LOW_SPACE' : 'HOST_UNREADABLE';
  return [finding(code, 'error', { message, mend: hint })];
}

/** Containers that a dead run left frozen, and records of freezes that cannot be read. */
export function frozenFindings(
  runtimeDir: string,
  containers: readonly Listed[],
): readonly Finding[] {
  return stored(runtimeDir).flatMap((one) => {
    if ('code' in one) return [one];
    const { file, record } = one;
    if (record === null) return [unreadable(file)];
    if (isOwnerAlive(record)) return [];
    const frozen = record.targets.filter((target) => isStillFrozen(target, containers));
    return frozen.length === 0 ? [] : [leftFrozen(frozen.map(({ name }) => name))];
  });
}

function stored(runtimeDir: string): readonly (StoredRecord | Finding)[] {
  try {
    return readRecords(runtimeDir);
  } catch (error) {
    const { message, hint } = toCowherdError(error);
    return [finding('HOST_UNREADABLE', 'error', { message, mend: hint })];
  }
}

function isStillFrozen(
  { containerId, cgroup, method }: FreezeTarget,
  all: readonly Listed[],
): boolean {
  const paused = all.find(({ id }) => id === containerId)?.state === 'paused';
  return (cgroup !== null && isHeld(cgroup)) || (method === 'pause' && paused);
}

function leftFrozen(names: readonly string[]): Finding {
  const message = `a run that died has left frozen: ${someOf(names)}`;
  return finding('FROZEN_LEFT', 'error', { message, mend: 'cowherd thaw' });
}

function unreadable(file: string): Finding {
  const message = `${file} should say what is frozen and cannot be read`;
  const mend = `see whether a container hangs (docker ps), then delete ${file}`;
  return finding('FROZEN_LEFT', 'warn', { message, mend });
}
