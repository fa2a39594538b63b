import * as assert from 'uvu/assert';
import type { StoredSnapshot } from '../../../src/model/manifest.ts';
import { labContext } from '../context.ts';
import { inLocation } from '../cycle/images.ts';
import type { Agent } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { assertWhole } from './whole.ts';

/** What is listed of an agent, the only one of a lab, as another process sees it: every restore point opens, and its databases are intact. Ids that were found so are noted in `checked`, and not looked at again. */
export async function listedWhole(
  lab: Lab,
  agent: Agent,
  checked: Set<string>,
): Promise<readonly StoredSnapshot[]> {
  const store = await (await labContext(lab)).openStore(lab.fsUuid);
  assert.equal(await store.damaged(), []);
  const points = await store.list();
  for (const { manifest, locations } of points.filter((one) => !checked.has(one.manifest.id))) {
    const imageOf = (volume: string) =>
      locations[manifest.volumes.find(({ name }) => name === volume)?.image ?? ''] ?? '';
    await inLocation(lab, imageOf(agent.volumes.workspace), async (workspace) =>
      inLocation(lab, imageOf(agent.volumes.public), async (other) =>
        assertWhole(workspace, other),
      ),
    );
    checked.add(manifest.id);
  }
  return points;
}
