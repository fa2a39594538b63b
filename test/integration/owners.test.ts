import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { resolveCgroup } from '../../src/quiesce/cgroup.ts';
import type { Cgroup } from '../../src/quiesce/cgroup-path.ts';
import { isFrozen, startFreeze, thawCgroup } from '../../src/quiesce/freezer.ts';
import type { ErrorCode } from '../../src/model/errors.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { ConversionReport } from '../../src/usecases/adopt.ts';
import { codes, makeCapturable, rollback, takeOne } from '../support/cycle/commands.ts';
import { inspect, offData, startedAt, stateOf } from '../support/cycle/containers.ts';
import { text } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { until } from '../support/lab/run.ts';
import { expectNoHalves, leftovers } from '../support/store.ts';

requireLab();

interface Given {
  lab: Lab;
  agent: Agent;
  then: string;
}

const test = suite<Given>('what owners do meanwhile');

test.before(async (given) => {
  given.lab = await startLab({ size: '2G' });
  given.agent = await given.lab.startAgent({ name: 'alpha' });
  await makeCapturable(given.lab, ['alpha']);
  writeFileSync(join(given.agent.path('workspace'), 'note'), 'then');
  given.then = (await takeOne(given.lab, 'alpha')).id;
});

test.after(async ({ lab }) => lab?.stop());

async function cgroupOf(lab: Lab, { container, id }: Agent): Promise<Cgroup> {
  const pid = Number(await inspect(lab, container, '{{.State.Pid}}'));
  const answer = resolveCgroup({ containerId: id, pid, protectedPids: [] });
  if ('refused' in answer) throw new Error(answer.refused);
  return answer.cgroup;
}

test('frozen by its cgroup: captured as it is, not stopped, and it stays frozen', async (given) => {
  const { lab, agent, then } = given;
  const cgroup = await cgroupOf(lab, agent);
  const began = await startedAt(lab, agent.container);
  startFreeze(cgroup);
  await until('it is frozen', () => isFrozen(cgroup));
  try {
    const point = await takeOne(lab, 'alpha');
    assert.is(point.frozenMs, 0);
    const { exitCode, json } = await rollback(lab, 'alpha', ['--snapshot', then]);
    assert.equal([exitCode, json.outcome, codes(json)], [5, 'refused', ['FROZEN_USER']]);
    const kind = capturesPlain(lab.filesystem) ? 'adopt' : 'unadopt';
    const converted = await lab.cowherd<ConversionReport>([kind, 'alpha', '--yes', '--json']);
    assert.equal([converted.exitCode, ...codes(converted.json)], [5, 'FROZEN_USER']);
    assert.ok(isFrozen(cgroup), 'it was thawed');
    assert.equal(leftovers(lab), []);
  } finally {
    assert.ok(await thawCgroup(cgroup, 5_000));
  }
  assert.is(await startedAt(lab, agent.container), began);
  const { public: before } = agent.seq();
  await until('it goes on', () => agent.seq().public > before);
});

/** A snapshot of alpha in the middle of which its owner runs docker; hooks of the host run before the freeze. */
async function meddled(lab: Lab, argv: readonly string[]) {
  const run = ['docker', '-H', `unix://${lab.socket}`, ...argv];
  const hooks = [{ container: false, pre: run, timeout: '60s' }];
  const config = lab.writeConfig('meddled', { quiesce: { hooks } });
  return lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json'], { config });
}

/** A capture that somebody spoilt may fail so, and leaves nothing; one that succeeded says what it is of. */
const SPOILT: readonly ErrorCode[] = ['CAPTURE_INVALIDATED'];

test('it dies just before the capture: captured at rest, and not started', async ({
  lab,
  agent,
}) => {
  const { exitCode, json, stdout } = await meddled(lab, ['kill', agent.container]);
  assert.is(exitCode, 0, stdout);
  assert.is(json.snapshots[0]?.atRest, true);
  assert.is(await stateOf(lab, agent.container), 'exited');
  await lab.docker(['start', agent.container]);
});

test('recreated under its name just before the capture: frozen in its new life', async (given) => {
  const { lab, agent } = given;
  const old = 'agent-alpha-old';
  await lab.docker(['rename', agent.container, old]);
  await lab.docker(['stop', '--time', '0', old]);
  const again = await lab.startAgent({ name: 'alpha' });
  await lab.docker(['stop', '--time', '0', again.container]);
  await lab.docker(['start', old]);
  // Of both containers, which mount the volumes, now the other one runs.
  const { exitCode, json, stdout } = await meddled(lab, ['start', again.container]);
  if (exitCode === 0) {
    assert.is.not(json.snapshots[0]?.atRest, true);
    assert.ok((json.snapshots[0]?.frozenMs ?? 0) > 0);
  } else
    assert.ok(
      json.failures.every(({ code }) => SPOILT.includes(code)),
      stdout,
    );
  await lab.docker(['rm', '-f', old]);
  given.agent = again;
  expectNoHalves(lab);
});

test('killed, removed, restarted at any moment: no half restore point, nobody frozen', async (given) => {
  const { lab } = given;
  for (const argv of [['restart', '--time', '0'], ['kill'], ['rm', '-f']]) {
    const running = lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
    await lab.docker([...argv, given.agent.container]);
    const { json, stdout } = await running;
    for (const { code } of json.failures) assert.ok(SPOILT.includes(code), stdout);
    expectNoHalves(lab);
    if (argv[0] === 'rm') given.agent = await lab.startAgent({ name: 'alpha' });
    else await lab.docker(['start', given.agent.container]);
    assert.not.ok(isFrozen(await cgroupOf(lab, given.agent)));
  }
});

test('one that exits and restarts for ever is captured or said to be spoilt, and rolled back or reverted', async (given) => {
  const { lab, then } = given;
  await lab.docker(['rm', '-f', given.agent.container]);
  const args = ['--restart', 'always'];
  const command = ['sh', '-c', 'sleep 0.3; exit 3'];
  given.agent = await lab.startAgent({ name: 'alpha', args, command, wait: false });
  for (let round = 0; round < 3; round += 1) {
    const { json, stdout } = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
    for (const { code } of json.failures) assert.ok(SPOILT.includes(code), stdout);
    assert.is(json.snapshots.length + json.failures.length, 1, stdout);
  }
  writeFileSync(join(given.agent.path('workspace'), 'note'), 'now');
  const reverted = await rollback(lab, 'alpha', ['--snapshot', then]);
  assert.equal([reverted.exitCode, reverted.json.outcome], [7, 'reverted'], reverted.stdout);
  assert.is(text(join(given.agent.path('workspace'), 'note')), 'now');
  const kept = await rollback(lab, 'alpha', ['--snapshot', then, '--no-revert']);
  assert.is(kept.exitCode, 1, kept.stdout);
  assert.is(text(join(given.agent.path('workspace'), 'note')), 'then');
  assert.equal(leftovers(lab), []);
  assert.is(
    await inspect(lab, given.agent.container, '{{.HostConfig.RestartPolicy.Name}}'),
    'always',
  );
  await lab.docker(['rm', '-f', given.agent.container]);
  given.agent = await lab.startAgent({ name: 'alpha' });
  assert.equal(await offData(lab, given.agent), []);
});

test.run();
