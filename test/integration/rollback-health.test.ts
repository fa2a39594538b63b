import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import {
  codes,
  convert,
  listed,
  rollback,
  rolledBack,
  takeOne,
} from '../support/cycle/commands.ts';
import { inspect, offData, sleeper, stateOf } from '../support/cycle/containers.ts';
import { besides, expectConsistent, text } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { sleep, until } from '../support/lab/run.ts';
import { storeEntries } from '../support/store.ts';

requireLab();

const KINDS = capturesPlain() ? ['plain', 'isolated'] : ['isolated'];
const RACES = EMULATED ? 2 : 4;

let lab: Lab;
let alpha: Agent;

test.before(async () => {
  lab = await startLab();
  const healthcheck = { retries: 1 };
  alpha = await lab.startAgent({ name: 'alpha', healthcheck, capturable: true });
});

test.after(async () => {
  await lab.stop();
});

const LONG = ['--health-timeout', '30s'];
const at = (file: string) => join(alpha.path('workspace'), file);
const health = () => inspect(lab, alpha.container, '{{.State.Health.Status}}');

let sick: string;

test('an image on which the agent is unhealthy: reverted, on its newest state, running', async () => {
  writeFileSync(at('unhealthy'), '');
  sick = (await takeOne(lab, 'alpha')).id;
  rmSync(at('unhealthy'));
  writeFileSync(at('note'), 'newest');
  await until('healthy', async () => (await health()) === 'healthy');
  for (const kind of KINDS) {
    if (kind === 'isolated') await convert(lab, 'adopt', ['alpha']);
    const before = await alpha.rows();
    const { exitCode, json } = await rollback(lab, 'alpha', ['--snapshot', sick, ...LONG]);
    assert.is(exitCode, 7);
    assert.equal([json.outcome, json.agentState], ['reverted', 'running']);
    assert.equal(codes(json), ['REVERTED']);
    assert.is(text(at('note')), 'newest');
    assert.ok((await alpha.rows()) >= before);
    expectNothingAside();
    await until('healthy', async () => (await health()) === 'healthy');
  }
});

function expectNothingAside(): void {
  assert.equal(storeEntries(lab), { retired: [], staged: [], transactions: [] });
  for (const volume of Object.values(alpha.volumes)) assert.equal(besides(lab, volume), []);
}

test('its safety snapshot is kept, and is whole', async () => {
  const safety = (await listed(lab, ['alpha'])).filter((point) => point.safety);
  assert.is(safety.length, KINDS.length);
  for (const point of safety) await expectConsistent(lab, point);
});

test('--no-revert leaves it there, and says that it failed', async () => {
  const args = ['--snapshot', sick, '--no-revert', ...LONG];
  const { exitCode, json } = await rollback(lab, 'alpha', args);
  assert.is(exitCode, 1);
  assert.equal([json.outcome, json.agentState], ['failed', 'running']);
  assert.is(text(at('unhealthy')), '');
  const back = await rolledBack(lab, 'alpha', ['--snapshot', json.safety ?? '', ...LONG]);
  assert.is(back.agentState, 'running');
  assert.is(text(at('note')), 'newest');
});

test('one that was unhealthy before need not be healthy after', async () => {
  writeFileSync(at('unhealthy'), '');
  await until('unhealthy', async () => (await health()) === 'unhealthy');
  await rolledBack(lab, 'alpha', ['--snapshot', sick]);
});

test('a container that exits on the restored data: reverted at once', async () => {
  const fragile = 'test -e /home/developer/ok || exit 3; trap "exit 0" TERM; sleep 1000 & wait';
  const beta = await lab.startAgent({
    name: 'beta',
    command: ['sh', '-c', 'sleep 0.3; ' + fragile],
    wait: false,
    capturable: true,
  });
  await lab.docker(['rm', '-f', beta.container]);
  const broken = (await takeOne(lab, 'beta')).id;
  writeFileSync(join(beta.path('workspace'), 'ok'), '');
  await lab.startAgent({ name: 'beta', command: ['sh', '-c', fragile], wait: false });
  const { exitCode, json } = await rollback(lab, 'beta', ['--snapshot', broken, ...LONG]);
  assert.equal([exitCode, json.outcome, json.agentState], [7, 'reverted', 'running']);
  assert.is(await stateOf(lab, beta.container), 'running');
});

test('somebody who starts it during the swap: all on one data, whole', async () => {
  rmSync(at('unhealthy'), { force: true });
  await until('healthy', async () => (await health()) === 'healthy');
  writeFileSync(at('note'), 'good');
  const good = (await takeOne(lab, 'alpha')).id;
  for (let round = 0; round < RACES; round += 1) {
    writeFileSync(at('note'), 'later');
    const race = keepStarting();
    const result = await rollback(lab, 'alpha', ['--snapshot', good, ...LONG]);
    await race.end();
    const { outcome } = result.json;
    assert.ok(['rolled-back', 'reverted', 'failed'].includes(outcome), result.stdout);
    assert.is(text(at('note')), outcome === 'rolled-back' ? 'good' : 'later');
    await until('it runs', async () => (await stateOf(lab, alpha.container)) === 'running');
    assert.equal(await offData(lab, alpha), []);
    assert.is(
      await lab.docker(['exec', alpha.container, 'cat', '/home/developer/note']),
      text(at('note')),
    );
    await until('healthy', async () => (await health()) === 'healthy');
  }
  assert.equal(storeEntries(lab).transactions, []);
});

/** Somebody who starts the agent again and again. */
function keepStarting(): { end(): Promise<void> } {
  let going = true;
  const loop = async (): Promise<void> => {
    while (going) {
      await lab.tryDocker(['start', alpha.container]);
      await sleep(5);
    }
  };
  const done = loop();
  return {
    end: async () => {
      going = false;
      await done;
    },
  };
}

test('a stranger that mounts the volume during the swap is brought to the new data', async () => {
  writeFileSync(at('note'), 'good');
  const good = (await takeOne(lab, 'alpha')).id;
  writeFileSync(at('note'), 'later');
  const mount = `${alpha.volumes.workspace}:/home/developer`;
  await sleeper(lab, 'stranger', ['--label', 'trinity.agent-name=alpha', '-v', mount]);
  await lab.docker(['stop', 'stranger']);
  const rolling = rollback(lab, 'alpha', ['--snapshot', good, ...LONG]);
  await until('it is stopped', async () => (await stateOf(lab, alpha.container)) !== 'running', {
    everyMs: 5,
  });
  await lab.tryDocker(['start', 'stranger']);
  const { json } = await rolling;
  assert.is(json.outcome, 'rolled-back');
  if ((await stateOf(lab, 'stranger')) === 'running') {
    assert.is(await lab.docker(['exec', 'stranger', 'cat', '/home/developer/note']), 'good');
  }
});

test.run();
