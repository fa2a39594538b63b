import type { Docker } from '../docker/docker.ts';
import { CowherdError } from '../model/errors.ts';
import { createGuard } from '../quiesce/guard.ts';
import { createTurns } from '../state/turns.ts';
import { captureGroup } from './capture-group.ts';
import type { Context } from './context.ts';
import type { PlacedAgent } from './host.ts';
import { nesting } from './nesting.ts';
import { candidateOf } from './snapshot-plan.ts';

/**
 * Captures the stopped state that a rollback is about to replace; gives its id, tells what it does not hold. Throws what a
 * capture throws. What is nested in the volumes is listed again: until the stop its owner could make and remove it.
 */
export async function captureSafety(
  context: Context,
  docker: Docker | null,
  agent: PlacedAgent,
): Promise<string> {
  const guard = createGuard();
  try {
    const candidate = candidateOf(await nesting(context)(agent));
    const members = [{ candidate, rows: [], tags: {}, safety: true, pinned: false }];
    const [result] = await captureGroup(context, {
      members,
      docker,
      guard,
      brackets: createTurns({ runtimeDir: context.runtimeDir, ticks: context.ticks }),
      afterThaw: () => Promise.resolve(),
    });
    if (result === undefined)
      throw new CowherdError('INTERNAL', 'the safety snapshot was not taken');
    if (result.status === 'rejected') throw result.reason;
    for (const { partial, message } of [...candidate.skipped, ...result.value.lost])
      if (partial === true) context.tell(`warning: ${result.value.manifest.id}: ${message}`);
    return result.value.manifest.id;
  } finally {
    guard.close();
  }
}
