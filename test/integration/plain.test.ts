import { existsSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { AgentDocument } from '../../src/usecases/agents.ts';
import type { ConversionReport } from '../../src/usecases/adopt.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { codes, listed, rolledBack, takeOne } from '../support/cycle/commands.ts';
import { startedAt } from '../support/cycle/containers.ts';
import { cutOf, expectConsistent, inRole, text } from '../support/cycle/images.ts';
import { startCanary } from '../support/hostile/canary.ts';
import { requireTracing } from '../support/hostile/available.ts';
import { raceInside } from '../support/hostile/scene.ts';
import { type Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must, until } from '../support/lab/run.ts';
import { expectNoHalves, leftovers, storeOf } from '../support/store.ts';

requireLab();
await requireTracing();

interface Given {
  lab: Lab;
  alpha: Agent;
}

const GB = 1_000_000_000;

for (const fs of ['ext4', 'xfs'] as const) {
  const test = suite<Given>(`agents on ${fs}`);

  test.before(async (given) => {
    given.lab = await startLab({ fs, size: '8G' });
    given.alpha = await given.lab.startAgent({ name: 'alpha', env: { LAB_BURST: '20' } });
  });
  test.after(async ({ lab }) => lab?.stop());

  test('the tier is told, nothing can be adopted, and doctor asks for a first snapshot', async ({
    lab,
  }) => {
    const { json } = await lab.cowherd<{ agents: AgentDocument[] }>(['agents', '--json']);
    for (const { filesystem, tier, isolated } of json.agents.flatMap((agent) => agent.volumes))
      assert.equal([filesystem, tier, isolated], [fs, fs === 'ext4' ? 'tar' : 'reflink', false]);
    const adopt = await lab.cowherd<ConversionReport>(['adopt', 'alpha', '--yes', '--json']);
    assert.equal([adopt.exitCode, codes(adopt.json)], [1, ['TIER_UNSUPPORTED']]);
    const doctor = await lab.cowherd<DoctorDocument>(['doctor', '--json']);
    const said = [...new Set(doctor.json.findings.map(({ code }) => code))];
    const staged = fs === 'ext4' ? ['STAGED'] : [];
    assert.equal([doctor.exitCode, said], [6, ['NEVER_CAPTURED', ...staged]]);
    for (const { message } of doctor.json.findings.filter(({ code }) => code === 'STAGED'))
      assert.match(message, /takes as much as the volume \(\d+\.\d MiB now\)/);
    assert.not.ok(existsSync(join(lab.mnt, '.cowherd/staging')));
  });

  test('one moment of all volumes, with everything that was committed before it', async ({
    lab,
    alpha,
  }) => {
    for (let round = 0; round < 3; round += 1) {
      const before = await alpha.rows();
      const point = await takeOne(lab, 'alpha');
      assert.is(point.grade, 'checkpointed');
      assert.ok(point.frozenMs > 0 && point.frozenMs < 3_000);
      assert.ok((await expectConsistent(lab, point)) >= before);
    }
    expectNoHalves(lab);
  });

  test('names that turn into links to the outside and back: captured, and nothing outside is opened', async ({
    lab,
    alpha,
  }) => {
    const canary = await startCanary(lab.root);
    try {
      await raceInside({ lab, mallory: alpha, canary });
      for (let round = 0; round < 3; round += 1)
        await expectConsistent(lab, await takeOne(lab, 'alpha'));
      assert.equal(await canary.opened(), []);
      assert.is(await canary.unwatch(), canary.description);
    } finally {
      await canary.remove();
      await lab.docker(['restart', '-t', '1', alpha.container]);
    }
  });

  test('back to it and forward again; the neighbours of the data stay', async ({ lab, alpha }) => {
    const note = join(alpha.path('workspace'), 'note');
    writeFileSync(note, 'then');
    const point = await takeOne(lab, 'alpha');
    const cut = await cutOf(lab, point);
    writeFileSync(note, 'now');
    const report = await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
    assert.is(text(note), 'then');
    assert.ok(alpha.seq().workspace >= cut.workspace);
    const rows = await alpha.rows();
    await until('the agent commits', async () => (await alpha.rows()) > rows);
    const safety = (await listed(lab, ['alpha'])).find(({ id }) => id === report.safety);
    assert.ok(safety?.safety && safety.atRest);
    await rolledBack(lab, 'alpha', ['--snapshot', report.safety ?? '']);
    assert.is(text(note), 'now');
    assert.equal(leftovers(lab), []);
  });

  test('a file of 20 GB that is a hole costs what is in it', async ({ lab, alpha }) => {
    const hole = join(alpha.path('workspace'), 'hole');
    writeFileSync(hole, 'x'.repeat(100_000));
    truncateSync(hole, 20 * GB);
    const point = await takeOne(lab, 'alpha');
    await inRole(lab, point, 'workspace', (image) => {
      const { size, blocks } = statSync(join(image, 'hole'));
      assert.is(size, 20 * GB);
      assert.ok(blocks * 512 < 1_000_000, String(blocks));
    });
    const used = Number((await must(['du', '-s', '-x', '-B1', storeOf(lab)])).split('\t')[0]);
    assert.ok(used < GB, String(used));
    rmSync(hole);
  });

  test('a full disk: a coded failure, the agent runs on, and the next snapshot works', async ({
    lab,
    alpha,
  }) => {
    const filler = join(lab.mnt, 'filler');
    const begun = await startedAt(lab, alpha.container);
    writeFileSync(join(alpha.path('workspace'), 'large'), Buffer.alloc(30_000_000, 'large'));
    const { bfree, bsize } = await spaceOf(lab.mnt);
    await must(['fallocate', '-l', String(bfree * bsize - 12_000_000), filler]).catch(() => '');
    try {
      const full = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
      if (fs === 'ext4') assert.equal([full.exitCode, codes(full.json)], [1, ['NO_SPACE']]);
      assert.is(await startedAt(lab, alpha.container), begun);
    } finally {
      rmSync(filler);
    }
    await until('the agent goes on', async () => alpha.seq().workspace > 0);
    await expectConsistent(lab, await takeOne(lab, 'alpha'));
    assert.equal(leftovers(lab), []);
  });

  test.run();
}

async function spaceOf(path: string): Promise<{ bfree: number; bsize: number }> {
  const [bfree = 0, bsize = 0] = (await must(['stat', '-f', '-c', '%f %S', path]))
    .split(' ')
    .map(Number);
  return { bfree, bsize };
}
