import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { convert, makeCapturable, rolledBack, take, takeOne } from '../support/cycle/commands.ts';
import { startedAt, stateOf } from '../support/cycle/containers.ts';
import { expectConsistent, inImage, inRole, text } from '../support/cycle/images.ts';
import { removeVolumes } from '../support/cycle/volumes.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { AGENT_IMAGE } from '../support/lab/image.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { expectNoHalves } from '../support/store.ts';

requireLab();

let lab: Lab;
let alpha: Agent;

test.before(async () => {
  lab = await startLab({ size: '8G' });
  const env = { LAB_BURST: '10', LAB_TX_DELAY_MS: '2' };
  alpha = await lab.startAgent({ name: 'alpha', env, capturable: true });
});

test.after(async () => {
  await lab.stop();
});

async function underLoad(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const point = await takeOne(lab, 'alpha');
    assert.ok((await expectConsistent(lab, point)) > 0);
    assert.ok(['checkpointed', 'frozen'].includes(point.grade), point.grade);
    assert.ok(point.frozenMs > 0 && point.frozenMs < 3000, String(point.frozenMs));
    assert.not.ok(point.atRest);
  }
  expectNoHalves(lab);
}

if (capturesPlain())
  test('under load every image is one moment of all volumes: not isolated', async () => {
    await underLoad(3);
  });

test('the checkpoint of each database is recorded', async () => {
  const { sqlite } = await takeOne(lab, 'alpha');
  assert.is(sqlite.length, 1);
  const [row] = sqlite;
  assert.is(row?.volume, alpha.volumes.workspace);
  assert.is(row?.path, 'data/agent.db');
  assert.is(row?.mode, 'passive');
  assert.ok((row?.busy ?? -1) >= 0 && (row?.log ?? -1) >= (row?.checkpointed ?? 0));
});

test('those of a neighbour too, isolated or not, and the neighbour goes on', async () => {
  const beta = await lab.startAgent({ name: 'beta', capturable: true });
  const before = await startedAt(lab, beta.container);
  await convert(lab, 'adopt', ['alpha']);
  const { snapshots } = await take(lab, []);
  assert.equal(snapshots.map(({ agent }) => agent).sort(), ['alpha', 'beta']);
  for (const point of snapshots) await expectConsistent(lab, point);
  assert.is(await startedAt(lab, beta.container), before);
  await lab.docker(['volume', 'create', '--label', 'trinity.agent-name=alpha', 'alpha-extra']);
  await makeCapturable(lab, ['alpha']);
  const mixed = await takeOne(lab, 'alpha');
  assert.is(mixed.volumes.length, 4);
  await expectConsistent(lab, mixed);
  await removeVolumes(lab, ['alpha-extra']);
});

test('under load every image is one moment of all volumes: isolated', async () => {
  await underLoad(capturesPlain() ? 5 : 3);
  assert.is(await stateOf(lab, alpha.container), 'running');
});

test('freeze: pause works by docker pause, and the agent runs after it', async () => {
  const config = lab.writeConfig('pause', { quiesce: { freeze: 'pause' } });
  const point = await takeOne(lab, 'alpha', [], { config });
  await expectConsistent(lab, point);
  assert.ok(point.frozenMs > 0);
  assert.is(await stateOf(lab, alpha.container), 'running');
});

test('freeze: none is a crash-consistent image of each volume', async () => {
  const config = lab.writeConfig('none', { quiesce: { freeze: 'none' } });
  const point = await takeOne(lab, 'alpha', [], { config });
  assert.is(point.grade, 'crash');
  assert.is(point.frozenMs, 0);
  assert.not.ok(point.atRest);
});

test('one agent frozen, another not, in one bracket: each has the grade of its policy', async () => {
  await lab.startAgent({ name: 'zeta', capturable: true });
  const policies = [{ agents: ['beta'], quiesce: { freeze: 'none' } }];
  const config = lab.writeConfig('mixed', { policies });
  const { snapshots } = await take(lab, [], { config });
  const beta = snapshots.find(({ agent }) => agent === 'beta');
  const frozen = snapshots.find(({ agent }) => agent === 'zeta');
  assert.is(beta?.grade, 'crash');
  assert.is(beta?.frozenMs, 0);
  assert.ok(frozen && frozen.grade !== 'crash');
});

test('a container that its owner paused stays paused, through snapshot and rollback', async () => {
  const gamma = await lab.startAgent({ name: 'gamma', capturable: true });
  await lab.docker(['pause', gamma.container]);
  const point = await takeOne(lab, 'gamma');
  assert.is(await stateOf(lab, gamma.container), 'paused');
  assert.ok(point.atRest);
  assert.is(point.frozenMs, 0);
  const { agentState } = await rolledBack(lab, 'gamma');
  assert.is(agentState, 'running');
  assert.is(await stateOf(lab, gamma.container), 'paused');
  await lab.docker(['rm', '-f', gamma.container]);
});

test('volumes that no container uses are an agent at rest', async () => {
  const point = await takeOne(lab, 'gamma');
  assert.ok(point.atRest);
  assert.is(point.frozenMs, 0);
  assert.is(point.grade, 'checkpointed');
  await expectConsistent(lab, point);
});

test('a container of another agent that can write is frozen too', async () => {
  const volumes = ['public', 'shared'].flatMap((role) => ['-v', `agent-beta-${role}:/${role}`]);
  const write = 'n=0; while :; do n=$((n+1)); echo $n >/public/n; echo $n >/shared/n; done';
  const options = ['-d', '--name', 'guest', '--user', '0', '--network', 'none', ...volumes];
  const label = ['--label', 'trinity.agent-name=guest'];
  await lab.docker(['run', ...options, ...label, AGENT_IMAGE, 'sh', '-c', write]);
  const point = await takeOne(lab, 'beta');
  await expectConsistent(lab, point);
  const count = (image: string) => text(image, 'n');
  const first = await inRole(lab, point, 'public', count);
  const second = await inRole(lab, point, 'shared', count);
  const ahead = Number(first) - Number(second);
  assert.ok([0, 1].includes(ahead) || second === '' || first === '');
  assert.is(await stateOf(lab, 'guest'), 'running');
  await lab.docker(['rm', '-f', 'guest']);
});

test('images are read-only, also those read out of the dataset around a volume', async () => {
  const point = await takeOne(lab, 'beta');
  for (const { name } of point.volumes) {
    await inImage(lab, point, name, (image) => {
      assert.throws(() => mkdirSync(join(image, 'x')), /EROFS/);
    });
  }
  await inRole(lab, point, 'workspace', (image) => {
    assert.ok(existsSync(join(image, 'data/agent.db')));
  });
});

test.run();
