import type { Context } from './context.ts';
import { observeHost } from './host.ts';
import { readRestorePoints } from './restore-points.ts';
import { pointById } from './snapshots.ts';

export interface PinResult {
  readonly agent: string;
  readonly id: string;
  readonly outcome: 'pinned' | 'unpinned';
}

/** Pins or unpins a restore point on every filesystem that holds a part of it; so already is success. Throws SNAPSHOT_UNKNOWN. */
export async function setPin(context: Context, id: string, pinned: boolean): Promise<PinResult> {
  const point = pointById(await readRestorePoints(context, await observeHost(context)), id);
  for (const fsId of point.parts.keys()) {
    await (await context.openStore(fsId)).setPinned(id, pinned);
  }
  return { agent: point.agent, id, outcome: pinned ? 'pinned' : 'unpinned' };
}
