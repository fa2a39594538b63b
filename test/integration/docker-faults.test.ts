import { inspect } from 'node:util';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import type { Spoil } from '../support/faults/docker-proxy.ts';
import {
  assertAboutDocker,
  assertThawed,
  failuresOf,
  proxied,
  spoilsOf,
  type Proxied,
} from '../support/faults/spoilt.ts';
import { listed, takeOne } from '../support/cycle/commands.ts';
import { seededRandom } from '../support/kill/random.ts';
import { assertRecovered, mark, markOf, type Subject } from '../support/kill/subject.ts';
import { assertWhole } from '../support/kill/whole.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab } from '../support/lab/lab.ts';

requireLab();

/** Faults of each kind of call; all of them in a soak. */
const FEW = 1;
const QUIESCE = {
  freeze: 'pause',
  hooks: [{ container: true, pre: ['true'], post: ['true'], timeout: '2s' }],
};

interface Given {
  subject: Subject;
  then: string;
  pausing: Proxied;
}

const test = suite<Given>('Docker misbehaves');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const agent = await lab.startAgent({ name: 'alpha' });
  given.subject = { lab, agent, random: seededRandom('Docker misbehaves') };
  assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
  mark(given.subject, 'then');
  given.then = (await takeOne(lab, 'alpha')).id;
  given.pausing = await proxied(lab, { quiesce: QUIESCE });
});

test.after(async ({ subject, pausing }) => {
  await pausing?.proxy.close();
  await subject?.lab.stop();
});

/** Runs a command with one thing spoilt, gives its failures, and asserts that all is whole once Docker is well again. */
async function spoilt(
  { subject, pausing: { proxy, config } }: Given,
  how: Spoil,
  argv: readonly string[],
): Promise<readonly Failure[]> {
  try {
    proxy.heal();
    proxy.spoil(how);
    const failures = await failuresOf(config, argv);
    assertAboutDocker(failures);
    if (proxy.spoilt() === 0) assert.equal(failures, []);
    proxy.heal();
    await assertThawed(subject);
    const { exitCode, stdout } = await subject.lab.cowherd(['recover', '--json']);
    assert.is(exitCode, 0, stdout);
    await assertRecovered(subject);
    return failures;
  } catch (error) {
    throw new Error(`${JSON.stringify(how)}: ${inspect(error)}`, { cause: error });
  }
}

/** The kinds of calls that a command makes when all is well. */
async function callsOf({ pausing }: Given, argv: readonly string[]): Promise<readonly string[]> {
  pausing.proxy.heal();
  assert.equal(await failuresOf(pausing.config, argv), []);
  return [...pausing.proxy.seen];
}

test('a snapshot says what Docker did not do, and freezes nobody for longer', async (given) => {
  const { lab, random } = given.subject;
  const argv = ['snapshot', 'alpha'];
  const seen = await callsOf(given, argv);
  for (const kind of ['pause', 'unpause', 'exec'])
    assert.ok(seen.includes(`POST /containers/*/${kind}`), seen.join());
  let failed = 0;
  for (const how of spoilsOf(seen, random, FEW)) {
    const before = await listed(lab);
    const failures = await spoilt(given, how, argv);
    failed += Math.sign(failures.length);
    const [newest, ...others] = await listed(lab);
    if (failures.length === 0) assert.is(others.length, before.length, JSON.stringify(how));
    const at = (role: string) =>
      newest?.volumes.find(({ name }) => name === `agent-alpha-${role}`)?.location ?? '';
    if (lab.filesystem === 'btrfs') await assertWhole(at('workspace'), at('public'));
  }
  assert.ok(failed > 0);
});

test('a rollback ends on one of two states, whatever Docker answers', async (given) => {
  const { subject, then } = given;
  const argv = ['rollback', 'alpha', then];
  let failed = 0;
  for (const how of spoilsOf(await callsOf(given, argv), subject.random, FEW)) {
    mark(subject, 'now');
    const failures = await spoilt(given, how, argv);
    failed += Math.sign(failures.length);
    assert.is(markOf(subject), failures.length > 0 ? 'now' : 'then', JSON.stringify(how));
  }
  assert.ok(failed > 0);
});

test.run();
