import * as assert from 'uvu/assert';
import type { PruneDocument } from '../../../src/usecases/prune-document.ts';
import { snapshot } from '../../../src/usecases/snapshot.ts';
import { labContext } from '../context.ts';
import type { CowherdResult } from '../lab/cowherd.ts';
import type { Lab } from '../lab/lab.ts';

const DAY_MS = 86_400_000;

/** Takes a restore point as if it were so many days ago, at noon UTC (1 is yesterday); gives its id. */
export async function takeAgo(lab: Lab, agent: string, days: number, pin = false): Promise<string> {
  const noon = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;
  const now = () => new Date(noon - days * DAY_MS);
  const context = await labContext(lab, { over: { now } });
  const { snapshots, failures } = await snapshot(context, { agents: [agent], tags: {}, pin });
  assert.equal(failures, []);
  return snapshots[0]?.id ?? '';
}

/** `prune --json ARGS` by the rules of a config. */
export async function pruneBy(
  lab: Lab,
  config: string,
  args: readonly string[] = [],
): Promise<CowherdResult<PruneDocument>> {
  return lab.cowherd<PruneDocument>(['prune', '--json', ...args], { config });
}

export const ids = (lines: readonly { readonly id: string }[]): readonly string[] =>
  lines.map(({ id }) => id);
