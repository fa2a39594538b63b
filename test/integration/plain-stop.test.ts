import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import type { RecoverReport } from '../../src/usecases/recover.ts';
import { codes, takeOne } from '../support/cycle/commands.ts';
import { sleeper, startedAt, stateOf } from '../support/cycle/containers.ts';
import { expectConsistent } from '../support/cycle/images.ts';
import { reaches } from '../support/kill/phase.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { sleep, until } from '../support/lab/run.ts';
import { leftovers, storeEntries } from '../support/store.ts';
import { suite } from '../support/suite.ts';

requireLab();

interface Given {
  lab: Lab;
  alpha: Agent;
  config: string;
}

const ENTRIES = 1_000;

const stopped = (fs: 'ext4' | 'xfs') => {
  const test = suite<Given>(`captures of stopped containers on ${fs}`);
  test.before(async (given) => {
    given.lab = await startLab({ fs, size: '4G' });
    given.alpha = await given.lab.startAgent({ name: 'alpha' });
    // So many that it is told beforehand that a freeze would be too long.
    const many = join(given.lab.dataRoot, 'volumes', given.alpha.volumes.shared, '_data/many');
    mkdirSync(many);
    for (let number = 0; number < ENTRIES; number += 1)
      writeFileSync(join(many, String(number)), '');
    const quiesce = { maxFreeze: '1ms', onFreezeTimeout: 'stop' };
    given.config = given.lab.writeConfig('stop', { quiesce });
  });
  test.after(async ({ lab }) => lab?.stop());
  test('it is stopped, captured at rest, and runs again', stopsAndStarts);
  test('kill -9 in the midst of it: a recovery starts what was stopped', killed);
  return test;
};

const test = stopped('ext4');

test('what its owner has paused stays so, and is not stopped', async ({ lab, alpha, config }) => {
  const side = await sleeper(lab, 'side', ['-v', `${alpha.volumes.shared}:/in`]);
  await lab.docker(['pause', side]);
  const begun = await startedAt(lab, side);
  await takeOne(lab, 'alpha', [], { config });
  assert.equal([await stateOf(lab, side), await startedAt(lab, side)], ['paused', begun]);
  await lab.docker(['unpause', side]);
  await lab.docker(['rm', '-f', side]);
});

for (const [code, name, args] of [
  ['AUTOREMOVE_USER', 'fleeting', ['--rm']],
  ['ORCHESTRATED_USER', 'task', ['--label', 'com.docker.swarm.task.id=x1']],
  ['OTHER_USERS', 'stranger', ['--label', 'trinity.agent-name=other', '-v', 'other:/own']],
] as const)
  test(`${code}: nobody is stopped`, async ({ lab, alpha, config }) => {
    await sleeper(lab, name, [...args, '-v', `${alpha.volumes.shared}:/in`]);
    const begun = [await startedAt(lab, alpha.container), await startedAt(lab, name)];
    const refused = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json'], { config });
    assert.equal(codes(refused.json), [code]);
    assert.ok(refused.exitCode === 5 || refused.exitCode === 1, String(refused.exitCode));
    assert.equal([await startedAt(lab, alpha.container), await startedAt(lab, name)], begun);
    assert.equal(storeEntries(lab).transactions, []);
    await lab.docker(['rm', '-f', name]);
  });

test('interrupted while it stops: it runs again at once', async ({ lab, alpha, config }) => {
  const child = lab.spawnCowherd(['snapshot', 'alpha', '--json'], config);
  const ended = once(child, 'close');
  assert.ok(await reaches(lab, 'stopping', () => child.exitCode !== null));
  child.kill('SIGINT');
  const [exitCode] = (await ended) as [number];
  assert.is(exitCode, 130);
  assert.equal([await stateOf(lab, alpha.container), leftovers(lab)], ['running', []]);
});

test('what does not start again is told, and left to the next recovery', async ({
  lab,
  alpha,
  config,
}) => {
  const source = join(lab.root, 'source');
  mkdirSync(source);
  const mounts = ['-v', `${alpha.volumes.shared}:/in`, '--mount', `type=bind,src=${source},dst=/b`];
  const side = await sleeper(lab, 'side', ['--label', 'trinity.agent-name=alpha', ...mounts]);
  rmdirSync(source);
  const failed = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json'], { config });
  assert.equal([failed.exitCode, codes(failed.json)], [1, ['TOOL_FAILED']]);
  assert.match(failed.json.failures[0]?.message ?? '', /does not start again/);
  assert.equal(
    [await stateOf(lab, alpha.container), await stateOf(lab, side)],
    ['running', 'exited'],
  );
  mkdirSync(source);
  const recovered = await lab.cowherd<RecoverReport>(['recover', '--json']);
  assert.equal(recovered.json.results, [{ agent: 'alpha', outcome: 'started' }]);
  assert.is(await stateOf(lab, side), 'running');
  assert.equal(leftovers(lab), []);
  await lab.docker(['rm', '-f', side]);
});

test.run();

stopped('xfs').run();

async function stopsAndStarts({ lab, alpha, config }: Given): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    const begun = await startedAt(lab, alpha.container);
    const before = await alpha.rows();
    const point = await takeOne(lab, 'alpha', [], { config });
    assert.equal([point.atRest, point.frozenMs, point.grade], [true, 0, 'checkpointed']);
    assert.is(await stateOf(lab, alpha.container), 'running');
    assert.is.not(await startedAt(lab, alpha.container), begun);
    assert.ok((await expectConsistent(lab, point)) >= before);
    const rows = await alpha.rows();
    await until('it commits', async () => (await alpha.rows()) > rows);
  }
  assert.equal([leftovers(lab), storeEntries(lab).transactions], [[], []]);
}

async function killed({ lab, alpha, config }: Given): Promise<void> {
  for (const delayMs of [0, 50, 150, 300, 600, 1_000]) {
    const child = lab.spawnCowherd(['snapshot', 'alpha', '--json'], config);
    const ended = once(child, 'close');
    const isStopping = await reaches(lab, 'stopping', () => child.exitCode !== null);
    await sleep(delayMs);
    child.kill('SIGKILL');
    await ended;
    const state = await stateOf(lab, alpha.container);
    console.log(`killed ${String(delayMs)} ms after it began to stop: ${state}`);
    if (isStopping && storeEntries(lab).transactions.length > 0) {
      const doctor = await lab.cowherd<DoctorDocument>(['doctor', '--json']);
      assert.ok(doctor.json.findings.some(({ code: said }) => said === 'TRANSACTION_CUT_SHORT'));
      const recovered = await lab.cowherd<RecoverReport>(['recover', '--json']);
      assert.is(recovered.exitCode, 0, recovered.stdout);
      assert.equal(recovered.json.results, [{ agent: 'alpha', outcome: 'started' }]);
    } else await lab.cowherd(['recover', '--json']);
    assert.is(await stateOf(lab, alpha.container), 'running');
    assert.equal(leftovers(lab), []);
    const rows = await alpha.rows();
    await until('it commits', async () => (await alpha.rows()) > rows);
  }
}
