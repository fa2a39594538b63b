import { accessSync, constants } from 'node:fs';
import { isWithin } from '../model/agent.ts';
import { containerCgroup, directoryOf, parseCgroupMounts, parseMembership } from './cgroup-path.ts';
import type { Cgroup, CgroupVersion, Membership } from './cgroup-path.ts';
import { freezerFile } from './freezer.ts';
import { ancestorsOf, readProc } from './proc.ts';

export interface CgroupQuestion {
  readonly containerId: string;
  /** Host pid of the container's first process. */
  readonly pid: number;
  /** Processes that must go on running: the guard, dockerd, containerd. We and the process's ancestors (its shim) always are. */
  readonly protectedPids: readonly number[];
}

/** The cgroup, or why this container cannot be frozen by its cgroup (docker pause remains). */
export type CgroupAnswer = { readonly cgroup: Cgroup } | { readonly refused: string };

/**
 * The freezer cgroup that is this container's own: version 1 where that hierarchy holds it (there Docker's own pause acts),
 * else version 2. Reads `/proc`, changes nothing, never throws.
 */
export function resolveCgroup(question: CgroupQuestion): CgroupAnswer {
  const member = membershipOf(question.pid);
  if (member === null) return { refused: 'its process is gone' };
  const mounts = parseCgroupMounts(readProc('self', 'mountinfo') ?? '');
  for (const version of [1, 2] as const) {
    const own = containerCgroup(member[version] ?? '', question.containerId);
    if (own === null) continue;
    const held = protectedPids(question).find((pid) => holds(own, version, pid));
    if (held !== undefined)
      return { refused: `its cgroup holds process ${String(held)}, which must go on` };
    const path = directoryOf(own, version, mounts);
    if (path !== null && isWritable({ path, version })) return { cgroup: { path, version } };
  }
  return { refused: 'no cgroup that can be frozen bears its id' };
}

function protectedPids(question: CgroupQuestion): readonly number[] {
  return [process.pid, ...question.protectedPids, ...ancestorsOf(question.pid)];
}

function holds(cgroup: string, version: CgroupVersion, pid: number): boolean {
  const path = membershipOf(pid)?.[version];
  return path !== undefined && path !== null && isWithin(path, cgroup);
}

function membershipOf(pid: number): Membership | null {
  const text = readProc(pid, 'cgroup');
  return text === null ? null : parseMembership(text);
}

function isWritable(cgroup: Cgroup): boolean {
  try {
    accessSync(freezerFile(cgroup), constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
