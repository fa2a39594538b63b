import * as assert from 'uvu/assert';
import type { Context } from '../../../src/usecases/context.ts';
import { isFuture } from '../../../src/model/snapshot-id.ts';
import { planAgent } from '../../../src/usecases/agent-plan.ts';
import type { RestorePoint } from '../../../src/usecases/restore-points.ts';
import { reference } from '../retention/reference.ts';
import type { Month } from './checks.ts';

/** What is older has no place in a policy of ten days. */
const RECENT_MS = 14 * 86_400_000;
/** To tell with plain means what a policy keeps takes its time: so many agents are enough. */
const CHECKED = 8;

/** What is there at the end is what the policy says of all that was ever taken, and what is protected. */
export function expectRetention(month: Month, context: Context): void {
  const { world, told } = month;
  const now = context.now();
  const there = new Set<string>();
  let number = 0;
  for (const [agent, taken] of Map.groupBy(world.taken, (one) => one.agent)) {
    const points = world.pointsOf(agent);
    for (const { manifest } of points) there.add(manifest.id);
    expectNothingToGo(context, agent, points);
    if ((number += 1) % CHECKED !== 0) continue;
    const isCounted = (createdAt: string): boolean => !isFuture({ createdAt }, now);
    const isRecent = (createdAt: string): boolean =>
      now.getTime() - Date.parse(createdAt) < RECENT_MS;
    const ruled = taken.filter(
      (one) => !one.safety && isCounted(one.createdAt) && isRecent(one.createdAt),
    );
    const wanted = survivors(context, ruled);
    for (const id of wanted) assert.ok(there.has(id), `${id} is gone`);
    for (const { manifest, pinned } of points) {
      const isProtected = pinned || manifest.safety || !isCounted(manifest.createdAt);
      assert.ok(isProtected || wanted.has(manifest.id), `${manifest.id} is still there`);
    }
  }
  for (const id of told.pinned) assert.ok(there.has(id), `${id}, which is pinned, is gone`);
}

function expectNothingToGo(context: Context, agent: string, points: readonly RestorePoint[]): void {
  const host = { agents: [] };
  const { keep, destroy } = planAgent(context, { agent, points, host, force: false });
  assert.equal(destroy, [], agent);
  for (const { reasons } of keep) assert.ok(reasons.length > 0);
}

function survivors(
  { config }: Context,
  taken: readonly { readonly id: string; readonly createdAt: string }[],
): ReadonlySet<string> {
  const candidates = taken.map(({ id, createdAt }) => ({
    id,
    atMs: Date.parse(createdAt),
    tags: [],
  }));
  const { rules } = config.retention;
  const reasons = reference(candidates, rules, config.timezone);
  return new Set(Object.keys(reasons).filter((id) => (reasons[id]?.length ?? 0) > 0));
}
