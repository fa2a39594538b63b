import { takeLocks, type Locks } from '../state/locks.ts';
import type { Context } from './context.ts';

/** It is held for a look and a change, never for a capture or a transfer. */
const WAIT_MS = 60_000;

/**
 * Keeps what pins and what destroys restore points from coming in between each other: those that were taken of agents so called.
 * Taken after the locks of agents, never before. Throws LOCKED.
 */
export async function lockPoints(context: Context, agents: readonly string[]): Promise<Locks> {
  const wanted = agents.map((agent) => ({
    key: `points:${agent}`,
    label: `the restore points of ${agent}`,
  }));
  const { runtimeDir, ticks } = context;
  return takeLocks(wanted, { runtimeDir, waitMs: WAIT_MS, ticks });
}
