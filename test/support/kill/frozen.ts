import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../src/model/errors.ts';
import type { Lab } from '../lab/lab.ts';
import { processId } from '../lab/processes.ts';
import { sleep } from '../lab/run.ts';

const RECORDS = '/run/cowherd/frozen';

/** Where the kernel says whether a process's container is frozen. */
export interface Freezer {
  readonly container: string;
  readonly pid: number;
  readonly frozen: () => boolean;
}

/** The freezer of a running container, found from outside. */
export async function freezerOf(lab: Lab, container: string): Promise<Freezer> {
  const pid = Number(await lab.docker(['inspect', '--format', '{{.State.Pid}}', container]));
  const lines = readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8');
  const v1 = /^\d+:freezer:(.*)$/m.exec(lines)?.[1];
  const v2 = /^0::(.*)$/m.exec(lines)?.[1] ?? '';
  const frozen = (): boolean =>
    v1 === undefined
      ? /^frozen 1$/m.test(stateIn(`/sys/fs/cgroup${v2}/cgroup.events`))
      : /^FR/.test(stateIn(`/sys/fs/cgroup/freezer${v1}/freezer.state`));
  return { container, pid, frozen };
}

/** Empty where the container was stopped meanwhile, and its cgroup has gone with it. */
function stateIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(systemCode(error) ?? '')) return '';
    throw error;
  }
}

/** Polls until none is frozen; gives the milliseconds from `since` (of `performance.now()`), Infinity after the limit. */
export async function thawedAfter(
  freezers: readonly Freezer[],
  since: number,
  limitMs = 5_000,
): Promise<number> {
  while (freezers.some(({ frozen }) => frozen())) {
    if (performance.now() - since > limitMs) return Infinity;
    await sleep(1);
  }
  return performance.now() - since;
}

/** A record of a freeze, as far as a test looks into it. */
export interface SeenRecord {
  readonly file: string;
  readonly pid: number;
  readonly containerIds: readonly string[];
}

/** The records of freezes there are now, the half-written ones too (pid 0). */
export function freezeRecords(): readonly SeenRecord[] {
  if (!existsSync(RECORDS)) return [];
  return readdirSync(RECORDS).flatMap((name) => readRecord(join(RECORDS, name)));
}

/** Files of dead processes that speak of these containers. */
export function deadRecords(containerIds: readonly string[]): readonly string[] {
  return freezeRecords()
    .filter((record) => record.containerIds.some((id) => containerIds.includes(id)))
    .filter(({ pid }) => processId(pid) === undefined)
    .map(({ file }) => file);
}

function readRecord(file: string): readonly SeenRecord[] {
  try {
    const { pid = 0, targets = [] } = JSON.parse(readFileSync(file, 'utf8')) as {
      pid?: number;
      targets?: { containerId: string }[];
    };
    return [{ file, pid, containerIds: targets.map(({ containerId }) => containerId) }];
  } catch {
    return [];
  }
}
