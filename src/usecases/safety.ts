import type { Docker } from '../docker/docker.ts';
import { CowherdError } from '../model/errors.ts';
import { createGuard } from '../quiesce/guard.ts';
import { captureGroup } from './capture-group.ts';
import type { Context } from './context.ts';
import type { PlacedAgent } from './host.ts';
import { candidateOf } from './snapshot-plan.ts';

/** Captures the stopped state that a rollback is about to replace; gives its id. Throws what a capture throws. */
export async function captureSafety(
  context: Context,
  docker: Docker | null,
  agent: PlacedAgent,
): Promise<string> {
  const guard = createGuard();
  try {
    const members = [
      { candidate: candidateOf(agent), rows: [], tags: {}, safety: true, pinned: false },
    ];
    const [result] = await captureGroup(context, {
      members,
      docker,
      guard,
      afterThaw: () => Promise.resolve(),
    });
    if (result === undefined)
      throw new CowherdError('INTERNAL', 'the safety snapshot was not taken');
    if (result.status === 'rejected') throw result.reason;
    return result.value.manifest.id;
  } finally {
    guard.close();
  }
}
