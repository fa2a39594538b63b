import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { PlanDocument } from '../../src/usecases/snapshot-dry-run.ts';
import {
  codes,
  convert,
  listed,
  refusal,
  rollback,
  rolledBack,
  takeOne,
} from '../support/cycle/commands.ts';
import { seenBy, sleeper, startedAt, stateOf } from '../support/cycle/containers.ts';
import { expectConsistent, text } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { until } from '../support/lab/run.ts';
import { storeEntries } from '../support/store.ts';

requireLab();

/** The direction that is still to be had. */
const CONVERSION = capturesPlain() ? 'adopt' : 'unadopt';

let lab: Lab;
let alpha: Agent;
let beta: Agent;

test.before(async () => {
  lab = await startLab();
  alpha = await lab.startAgent({ name: 'alpha', capturable: true });
  await takeOne(lab, 'alpha');
});

test.after(async () => {
  await lab.stop();
});

/** Refused with this code: exit 5, nothing stopped, no safety snapshot, no record. */
async function expectRefused(code: string, args: readonly string[] = []): Promise<void> {
  const began = await startedAt(lab, alpha.container);
  const points = (await listed(lab)).length;
  const { exitCode, json } = await rollback(lab, 'alpha', args);
  assert.is(exitCode, 5);
  assert.is(json.outcome, 'refused');
  assert.equal(codes(json), [code]);
  assert.equal([json.safety, json.agentState, json.downMs], [null, null, null]);
  assert.is(await startedAt(lab, alpha.container), began);
  assert.is((await listed(lab)).length, points);
  assert.equal(storeEntries(lab).transactions, []);
}

const shared = () => ['-v', `${alpha.volumes.shared}:/in`];

test('a user that --rm would remove', async () => {
  await sleeper(lab, 'fleeting', ['--rm', ...shared()]);
  await expectRefused('AUTOREMOVE_USER', ['--include-users']);
  const conversion = await lab.cowherd<PlanDocument>([CONVERSION, 'alpha', '--yes', '--json']);
  assert.equal([conversion.exitCode, codes(conversion.json)], [5, ['AUTOREMOVE_USER']]);
  assert.is(await stateOf(lab, 'fleeting'), 'running');
  await lab.docker(['rm', '-f', 'fleeting']);
});

test('a user that belongs to an orchestrator', async () => {
  await sleeper(lab, 'task', ['--label', 'com.docker.swarm.task.id=x1', ...shared()]);
  await expectRefused('ORCHESTRATED_USER', ['--include-users']);
  await lab.docker(['rm', '-f', 'task']);
});

test('without a terminal and without --yes', async () => {
  const began = await startedAt(lab, alpha.container);
  const argv = ['rollback', 'alpha'];
  const json = await lab.cowherd<{ outcome: string }>([...argv, '--json']);
  assert.equal([json.exitCode, json.json.outcome], [5, 'refused']);
  assert.is((await lab.cowherd(argv)).exitCode, 5);
  assert.is((await lab.cowherd([CONVERSION, 'alpha'])).exitCode, 5);
  const conversion = await refusal(lab, [CONVERSION, 'alpha']);
  assert.equal([conversion.exitCode, conversion.code], [5, 'CONFIRMATION_REQUIRED']);
  assert.is(await startedAt(lab, alpha.container), began);
});

test('an unknown agent: the nearest name in the hint', async () => {
  const { exitCode, code, hint } = await refusal(lab, ['rollback', 'alpah', '--yes']);
  assert.equal([exitCode, code], [2, 'AGENT_UNKNOWN']);
  assert.match(hint, 'alpha');
  const glob = await refusal(lab, ['rollback', 'alph*', '--yes']);
  assert.equal([glob.exitCode, glob.code], [2, 'USAGE']);
});

test('an agent without restore points', async () => {
  beta = await lab.startAgent({ name: 'beta', sharedFrom: ['alpha'], capturable: true });
  const { exitCode, code } = await refusal(lab, ['rollback', 'beta', '--yes']);
  assert.equal([exitCode, code], [2, 'SNAPSHOT_UNKNOWN']);
});

test('another agent that uses a volume is named', async () => {
  await expectRefused('OTHER_USERS');
  const { json } = await rollback(lab, 'alpha');
  assert.match(json.failures[0]?.message ?? '', beta.container);
});

test('with --include-users both are restarted, and both see the restored data', async () => {
  const file = join(alpha.path('shared'), 'note');
  writeFileSync(file, 'then');
  const point = await takeOne(lab, 'alpha');
  await expectConsistent(lab, point);
  writeFileSync(file, 'now');
  const began = await startedAt(lab, beta.container);
  const { agentState } = await rolledBack(lab, 'alpha', ['--include-users']);
  assert.is(agentState, 'running');
  assert.is.not(await startedAt(lab, beta.container), began);
  const seen = '/home/developer/shared-in/alpha/note';
  assert.is(await lab.docker(['exec', beta.container, 'cat', seen]), 'then');
  assert.is(text(file), 'then');
});

test('converting needs it as well, and mounts the new data in both', async () => {
  const refused = await lab.cowherd<PlanDocument>([CONVERSION, 'alpha', '--yes', '--json']);
  assert.equal([refused.exitCode, codes(refused.json)], [5, ['OTHER_USERS']]);
  await convert(lab, CONVERSION, ['alpha', '--include-users']);
  await convert(lab, 'adopt', ['alpha', '--include-users']);
  const mine = await seenBy(lab, alpha.container, '/home/developer/shared-out');
  assert.is(await seenBy(lab, beta.container, '/home/developer/shared-in/alpha'), mine);
  await until('both write', () => alpha.seq().workspace > 0 && beta.seq().workspace > 0);
});

test('its own volumes alone: the agent next door needs no permission', async () => {
  await takeOne(lab, 'beta');
  const began = await startedAt(lab, alpha.container);
  await rolledBack(lab, 'beta');
  assert.is(await startedAt(lab, alpha.container), began);
});

test('a user that is stopped stays stopped', async () => {
  await lab.docker(['stop', beta.container]);
  await rolledBack(lab, 'alpha');
  assert.is(await stateOf(lab, beta.container), 'exited');
});

test.run();
