import type { Context } from './context.ts';
import { observeHost } from './host.ts';
import { lockPoints } from './point-lock.ts';
import { readRestorePoints, type RestorePoint } from './restore-points.ts';
import { pointById } from './snapshots.ts';

export interface PinResult {
  readonly agent: string;
  readonly id: string;
  readonly outcome: 'pinned' | 'unpinned';
}

/** Pins or unpins a restore point on every filesystem that holds a part of it; so already is success. Throws SNAPSHOT_UNKNOWN, LOCKED. */
export async function setPin(context: Context, id: string, pinned: boolean): Promise<PinResult> {
  const host = await observeHost(context);
  const find = async (): Promise<RestorePoint> =>
    pointById(await readRestorePoints(context, host), id);
  const locks = await lockPoints(context, [(await find()).manifest.agent]);
  try {
    // Somebody may have destroyed it meanwhile.
    const point = await find();
    for (const fsId of point.parts.keys())
      await (await context.openStore(fsId)).setPinned(id, pinned);
    return { agent: point.agent, id, outcome: pinned ? 'pinned' : 'unpinned' };
  } finally {
    locks.release();
  }
}
