import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { TransactionPhase } from '../../src/model/transaction.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { RollbackReport } from '../../src/usecases/rollback.ts';
import { reaches } from '../support/kill/phase.ts';
import { seededRandom } from '../support/kill/random.ts';
import { assertRecovered, mark, markOf, type Subject } from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { containerdFiles, containerdOf } from '../support/lab/containerd.ts';
import { spawnDaemon, waitForDaemon } from '../support/lab/daemon.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { endProcess } from '../support/lab/processes.ts';
import { labPaths, readRecord, writeRecord } from '../support/lab/record.ts';

requireLab();

interface Given {
  subject: Subject;
  then: string;
}

const test = suite<Given>('what a rollback stands on goes away');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const agent = await lab.startAgent({ name: 'alpha' });
  given.subject = { lab, agent, random: seededRandom('what a rollback stands on goes away') };
  assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
  mark(given.subject, 'then');
  const { json } = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
  given.then = json.snapshots[0]?.id ?? '';
});

test.after(async ({ subject }) => subject?.lab.stop());

/** Kills dockerd, and containerd with it, as the kernel would. */
async function killDocker(lab: Lab): Promise<void> {
  const record = readRecord(labPaths(lab.name));
  for (const id of [record?.dockerd, record?.containerd]) if (id) await endProcess(id);
}

/** Starts a daemon on the same data root. */
async function restartDocker(lab: Lab): Promise<void> {
  const paths = labPaths(lab.name);
  const record = readRecord(paths);
  if (record === undefined) throw new Error('no lab');
  // Where nobody reaps orphans the old one is a zombie, and counts as alive by its pid.
  rmSync(containerdFiles(paths).pidFile, { force: true });
  const dockerd = spawnDaemon(paths, lab.dataRoot);
  writeRecord(paths, { ...record, dockerd });
  await waitForDaemon(paths, dockerd);
  const containerd = containerdOf(paths);
  writeRecord(paths, { ...record, dockerd, ...(containerd ? { containerd } : {}) });
}

for (const phase of ['stopping', 'swapping', 'swapped'] as const satisfies TransactionPhase[]) {
  test(`dockerd killed while ${phase}: said so, and recovered when it is back`, async (given) => {
    const { subject, then } = given;
    const { lab } = subject;
    mark(subject, 'now');
    const argv = ['rollback', 'alpha', '--snapshot', then, '--yes', '--json'];
    const child = lab.spawnCowherd(argv);
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr?.resume();
    const ended = once(child, 'close');
    assert.ok(await reaches(lab, phase, () => child.exitCode !== null));
    await killDocker(lab);
    try {
      const [status] = (await ended) as [number];
      assert.is(status, 1, said);
      const report = JSON.parse(said) as RollbackReport;
      assert.is(report.outcome, 'failed');
      assert.is.not(report.agentState, 'running');
      assert.ok(report.failures.some(({ code }) => code === 'DOCKER_UNREACHABLE'));
      const recovering = await lab.cowherd(['recover', '--json']);
      assert.is(recovering.exitCode, 1);
      assert.match(recovering.stdout, 'DOCKER_UNREACHABLE');
    } finally {
      await restartDocker(lab);
    }
    const { exitCode, stdout } = await lab.cowherd(['recover', '--json']);
    assert.is(exitCode, 0, stdout);
    await assertRecovered(subject);
    assert.ok(['now', 'then'].includes(markOf(subject)));
  });
}

test.run();
