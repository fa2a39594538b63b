import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { rolledBack, takeOne } from '../support/cycle/commands.ts';
import { offData, sleeper, startedAt, stateOf } from '../support/cycle/containers.ts';
import { text as read } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';

requireLab();

let lab: Lab;
let alpha: Agent;

test.before(async () => {
  lab = await startLab({ layout: 'subvol' });
  alpha = await lab.startAgent({ name: 'alpha', capturable: true });
  writeFileSync(note(alpha), 'then');
  await takeOne(lab, 'alpha');
});

test.after(async () => {
  await lab.stop();
});

const note = (agent: Agent) => join(agent.path('workspace'), 'note');

test('a container that joined the network of the agent is restarted after it', async () => {
  await sleeper(lab, 'sidecar', ['--network', `container:${alpha.container}`]);
  const began = await startedAt(lab, 'sidecar');
  await rolledBack(lab, 'alpha');
  assert.is(await stateOf(lab, 'sidecar'), 'running');
  assert.is.not(await startedAt(lab, 'sidecar'), began);
  await lab.docker(['rm', '-f', 'sidecar']);
});

test('a container recreated since the snapshot runs on the restored data', async () => {
  const point = await takeOne(lab, 'alpha');
  writeFileSync(note(alpha), 'later');
  await lab.docker(['rm', '-f', alpha.container]);
  const again = await lab.startAgent({ name: 'alpha' });
  assert.is.not(again.id, alpha.id);
  const { agentState } = await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
  assert.is(agentState, 'running');
  assert.is(read(note(alpha)), 'then');
});

test('--no-start leaves it stopped, on the restored data', async () => {
  writeFileSync(note(alpha), 'later');
  const { agentState, outcome } = await rolledBack(lab, 'alpha', ['--no-start']);
  assert.equal([agentState, outcome], ['stopped', 'rolled-back']);
  assert.is(await stateOf(lab, alpha.container), 'exited');
  assert.is(read(note(alpha)), 'then');
});

test('an agent at rest stays at rest', async () => {
  await rolledBack(lab, 'alpha');
  assert.is(await stateOf(lab, alpha.container), 'exited');
});

test('an agent without containers goes back', async () => {
  await lab.docker(['rm', alpha.container]);
  const point = await takeOne(lab, 'alpha');
  assert.ok(point.atRest);
  writeFileSync(note(alpha), 'later');
  const { agentState } = await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
  assert.is(agentState, 'stopped');
  assert.is(read(note(alpha)), 'then');
});

test('--restart always neither starts it early nor keeps it from coming back', async () => {
  const agent = await lab.startAgent({ name: 'alpha', args: ['--restart', 'always'] });
  await rolledBack(lab, 'alpha');
  assert.is(await stateOf(lab, agent.container), 'running');
  assert.equal(await offData(lab, agent), []);
});

test.run();
