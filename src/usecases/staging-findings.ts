import type { Context } from './context.ts';
import { finding, type Finding } from './finding.ts';
import type { PlacedAgent } from './host.ts';

/** For all volumes together: a tree of millions of files is not counted for a finding. */
const BUDGET_MS = 5_000;
const MIB = 1024 ** 2;

/** What it costs in space to capture volumes that have to be copied; what cannot be measured in time is said without its size. */
export async function stagingFindings(
  context: Context,
  agents: readonly PlacedAgent[],
): Promise<readonly Finding[]> {
  const budget = AbortSignal.timeout(BUDGET_MS);
  const signal = AbortSignal.any([budget, context.interrupt]);
  const findings: Finding[] = [];
  for (const { name: agent, placements } of agents)
    for (const placement of placements) {
      const { volume, tier, reason, fsId } = placement;
      if (tier !== 'tar' || reason !== null) continue;
      const measured = await context
        .openStore(fsId)
        .then(async (store) => store.measure(placement, signal))
        .catch(() => null);
      const now = measured === null ? '' : ` (${mib(measured.allocatedBytes)} now)`;
      const message = `${volume} is copied to be captured: the copy takes as much as the volume${now}, its first archive up to as much once more, and those on top of it half of that`;
      findings.push(finding('STAGED', 'info', { agent, volume, message }));
    }
  return findings;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
