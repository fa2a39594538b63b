import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { RollbackReport } from '../../src/usecases/rollback.ts';
import { rolledBack, takeOne } from '../support/cycle/commands.ts';
import { stateOf } from '../support/cycle/containers.ts';
import { expectConsistent } from '../support/cycle/images.ts';
import { waiting } from '../support/herd/waiting.ts';
import { reaches } from '../support/kill/phase.ts';
import { assertRecovered } from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import type { Agent } from '../support/lab/agent.ts';

requireLab();

interface Given {
  lab: Lab;
  agent: Agent;
}

const test = suite<Given>('a run that is killed while it holds locks');

test.before(async (given) => {
  given.lab = await startLab();
  given.agent = await given.lab.startAgent({ name: 'alpha' });
  assert.is((await given.lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
  await takeOne(given.lab, 'alpha');
});

test.after(async ({ lab }) => lab?.stop());

const QUICK = ['--yes', '--health-timeout', '1s'];

/** Stops a rollback once it is in this phase, gives `work` to do, and kills it when something waits for its locks. */
async function killedIn<T>(
  { lab }: Given,
  phase: 'stopping' | 'swapped',
  args: readonly string[],
): Promise<T> {
  const holder = lab.spawnCowherd(['rollback', 'alpha', ...QUICK]);
  holder.stdout?.resume();
  holder.stderr?.resume();
  assert.ok(await reaches(lab, phase, () => holder.exitCode !== null));
  holder.kill('SIGSTOP');
  try {
    const argv = ['--wait', '120s', ...args];
    const { exitCode, json } = await waiting<T>(lab, argv, () => holder.kill('SIGKILL'));
    assert.is(exitCode, 0, JSON.stringify(json));
    return json;
  } finally {
    holder.kill('SIGKILL');
  }
}

for (const phase of ['stopping', 'swapped'] as const) {
  test(`a snapshot that waited for a rollback killed ${phase} captures what was recovered`, async (given) => {
    const { lab, agent } = given;
    const { snapshots } = await killedIn<SnapshotReport>(given, phase, ['snapshot', 'alpha']);
    const [point] = snapshots;
    assert.ok(point);
    assert.is(point.atRest, false, 'it was captured before its containers ran again');
    await expectConsistent(lab, point);
    await assertRecovered({ lab, agent, random: Math.random });
  });

  test(`a rollback that waited for one killed ${phase} leaves the agent running`, async (given) => {
    const { lab, agent } = given;
    const argv = ['rollback', 'alpha', ...QUICK];
    const { outcome, agentState } = await killedIn<RollbackReport>(given, phase, argv);
    assert.equal([outcome, agentState], ['rolled-back', 'running']);
    assert.is(await stateOf(lab, agent.container), 'running');
    await assertRecovered({ lab, agent, random: Math.random });
  });
}

test('its locks are free at once, for who does not wait', async ({ lab, agent }) => {
  const holder = lab.spawnCowherd(['rollback', 'alpha', '--yes', '--health-timeout', '600s']);
  holder.stdout?.resume();
  holder.stderr?.resume();
  assert.ok(await reaches(lab, 'stopping', () => holder.exitCode !== null));
  const gone = new Promise((resolve) => holder.on('close', resolve));
  holder.kill('SIGKILL');
  await gone;
  assert.is((await rolledBack(lab, 'alpha')).agentState, 'running');
  await assertRecovered({ lab, agent, random: Math.random });
});

test.run();
