import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { ConversionReport } from '../../src/usecases/adopt.ts';
import type { AgentDocument } from '../../src/usecases/agents.ts';
import { codes, listed, refusal } from '../support/cycle/commands.ts';
import { stateOf } from '../support/cycle/containers.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';

requireLab();

for (const fs of ['ext4', 'xfs'] as const) {
  let lab: Lab;

  test(`${fs}: agents are listed with the tier they will have`, async () => {
    lab = await startLab({ fs, size: '1G', agents: ['alpha'] });
    const { exitCode, json } = await lab.cowherd<{ agents: AgentDocument[] }>(['agents', '--json']);
    assert.is(exitCode, 0);
    const tier = fs === 'ext4' ? 'tar' : 'reflink';
    const volumes = json.agents.flatMap((agent) => agent.volumes);
    assert.is(volumes.length, 3);
    for (const volume of volumes) {
      const { filesystem, tier: own, isolated } = volume;
      assert.equal([filesystem, own, isolated], [fs, tier, false]);
    }
  });

  for (const named of [['alpha'], []]) {
    test(`${fs}: snapshot ${named.join('')}: nothing can be captured, and that is a failure`, async () => {
      const result = await lab.cowherd<SnapshotReport>(['snapshot', '--json', ...named]);
      assert.equal([result.exitCode, codes(result.json)], [1, ['TIER_UNSUPPORTED']]);
      assert.is(result.json.skipped.length, 3);
      assert.equal(result.json.snapshots, []);
      assert.is(await stateOf(lab, 'agent-alpha'), 'running');
    });
  }

  test(`${fs}: no restore points, nothing to adopt, nothing to roll back to`, async () => {
    assert.equal(await listed(lab), []);
    const adopt = await lab.cowherd<ConversionReport>(['adopt', 'alpha', '--yes', '--json']);
    assert.equal([adopt.exitCode, codes(adopt.json)], [1, ['TIER_UNSUPPORTED']]);
    const rollback = await refusal(lab, ['rollback', 'alpha', '--yes']);
    assert.equal([rollback.exitCode, rollback.code], [2, 'SNAPSHOT_UNKNOWN']);
    assert.is(await stateOf(lab, 'agent-alpha'), 'running');
    assert.is((await lab.cowherd(['recover'])).exitCode, 0);
  });

  test.after(async () => {
    await lab.stop();
  });
}

test.run();
