import { readFileSync, writeFileSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { systemCode } from '../model/errors.ts';
import type { Cgroup } from './cgroup-path.ts';

// All of this is synchronous on purpose: libuv's threads may hang on the very filesystem that is being captured.

const SPINS = 50;
const POLL_MS = 1;

/** The file that freezes and thaws: `freezer.state` (v1), `cgroup.freeze` (v2). */
export function freezerFile(cgroup: Cgroup): string {
  return `${cgroup.path}/${cgroup.version === 1 ? 'freezer.state' : 'cgroup.freeze'}`;
}

/** Asks the kernel to freeze; returns at once, `isFrozen` says when it holds. Throws the system's error (ENOENT, ENODEV: it is gone). */
export function startFreeze(cgroup: Cgroup): void {
  writeFileSync(freezerFile(cgroup), cgroup.version === 1 ? 'FROZEN' : '1', { flag: 'r+' });
}

/** True while every process in it and below is frozen, whoever did it; false when it is gone. */
export function isFrozen(cgroup: Cgroup): boolean {
  if (cgroup.version === 1) return read(cgroup, 'freezer.state') === 'FROZEN';
  return /^frozen 1$/m.test(read(cgroup, 'cgroup.events') ?? '');
}

/** True when this cgroup's own switch is on (not that of one above it). */
export function isSwitchedOn(cgroup: Cgroup): boolean {
  return read(cgroup, cgroup.version === 1 ? 'freezer.self_freezing' : 'cgroup.freeze') === '1';
}

/**
 * Freezes all of them: every write first, then waits until every one holds. Rejects with the signal's reason when it aborts;
 * those already written stay so.
 */
export async function freezeCgroups(
  cgroups: readonly Cgroup[],
  signal: AbortSignal,
): Promise<void> {
  cgroups.forEach(startFreeze);
  for (const cgroup of cgroups) await untilFrozen(cgroup, signal);
}

async function untilFrozen(cgroup: Cgroup, signal: AbortSignal): Promise<void> {
  for (let round = 0; !isFrozen(cgroup); round += 1) {
    await (round < SPINS ? setImmediate() : setTimeout(POLL_MS));
    signal.throwIfAborted();
    // Version 1 does not finish by itself while processes fork: the write is to be repeated (runc, libcontainer/cgroups/fs/freezer.go).
    if (cgroup.version === 1) startFreeze(cgroup);
  }
}

/** Thaws and looks: true when its own switch is off or the cgroup is gone, false when it is still on after `limitMs`. */
export async function thawCgroup(cgroup: Cgroup, limitMs: number): Promise<boolean> {
  const rounds = Math.max(1, Math.ceil(limitMs / POLL_MS));
  for (let round = 0; round < rounds; round += 1) {
    if (tryThaw(cgroup)) return true;
    await setTimeout(POLL_MS);
  }
  return false;
}

/** One attempt, without waiting: true when the switch is off afterwards, or the cgroup is gone. */
export function tryThaw(cgroup: Cgroup): boolean {
  try {
    writeFileSync(freezerFile(cgroup), cgroup.version === 1 ? 'THAWED' : '0', { flag: 'r+' });
    return !isSwitchedOn(cgroup);
  } catch (error) {
    return isGone(error);
  }
}

/** True for the errors of a cgroup that was removed before or while we used it. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes(systemCode(error) ?? '');
}

function read(cgroup: Cgroup, file: string): string | null {
  try {
    return readFileSync(`${cgroup.path}/${file}`, 'latin1').trim();
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
