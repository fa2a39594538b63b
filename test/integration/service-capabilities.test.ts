import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { PruneDocument } from '../../src/usecases/prune-document.ts';
import type { RecoverReport } from '../../src/usecases/recover.ts';
import { takeOne } from '../support/cycle/commands.ts';
import { makeOddTree, unprotect } from '../support/cycle/odd-tree.ts';
import { runKilled, type KillRequest } from '../support/kill/killed.ts';
import { seededRandom } from '../support/kill/random.ts';
import {
  assertRecovered,
  kindOf,
  mark,
  markOf,
  NEVER,
  type Subject,
} from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { must, run } from '../support/lab/run.ts';
import { capabilities, limits, values, type UnitName } from '../support/service/unit.ts';

requireLab();

const MAIN = join(import.meta.dirname, '../../src/main.ts');

const RECOVER = 'cowherd-recover.service';
const DAEMON = 'cowherd.service';

type Result = RecoverReport | SnapshotReport | PruneDocument;

let lab: Lab;
let subject: Subject;

test.before(async () => {
  lab = await startLab();
  const agent = await lab.startAgent({ name: 'alpha' });
  subject = { lab, agent, random: seededRandom('capabilities of the service') };
  const odd = join(agent.path('shared'), 'odd');
  mkdirSync(odd);
  await makeOddTree(lab, odd);
});

test.after(async () => {
  await unprotect(subject.agent.path('shared'));
  await lab.stop();
});

/** The bits of these capabilities, but for those that this host does not give its root. */
async function maskOf(names: readonly string[]): Promise<bigint> {
  const known = (await must(['setpriv', '--list-caps'])).split('\n');
  const wanted = names.reduce((mask, name) => mask | (1n << BigInt(known.indexOf(name))), 0n);
  const status = readFileSync('/proc/self/status', 'utf8');
  return wanted & BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}

/** A command with no capability but those of the service, as it would have them. */
async function limited(unit: UnitName, args: readonly string[]): Promise<Result> {
  const shell = ['sh', '-c', 'grep ^Cap /proc/$$/status >&2; umask "$0"; exec "$@"'];
  const argv = ['setpriv', ...limits(unit), ...shell, values(unit, 'Service', 'UMask')[0] ?? ''];
  const env = { COWHERD_CONFIG: lab.config };
  const { stdout, stderr } = await run([...argv, process.execPath, MAIN, ...args, '--json'], {
    env,
  });
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(stderr)?.[1] ?? '';
  assert.is(BigInt(`0x${effective}`), await maskOf(capabilities(unit)), stderr);
  return JSON.parse(stdout) as Result;
}

/** Kills a command before the last of the steps of a name. */
async function cutShort(
  request: Pick<KillRequest, 'command' | 'snapshot'>,
  step: string,
  steps: readonly string[],
) {
  const at = steps.findLastIndex((line) => line.endsWith(` ${step}`)) + 1;
  assert.ok(at > 0, `${step} in ${steps.join()}`);
  const { killed } = await runKilled(lab, { ...request, agent: 'alpha', ...NEVER, at });
  assert.ok(killed);
}

async function expectRecovered(outcome: 'finished' | 'reverted'): Promise<void> {
  const { results, failures } = (await limited(RECOVER, ['recover'])) as RecoverReport;
  assert.equal(failures, []);
  assert.equal(
    results.filter(({ agent }) => agent === 'alpha'),
    [{ agent: 'alpha', outcome }],
  );
  await assertRecovered(subject);
}

/** What an adoption, and a rollback after it, do when nobody kills them. */
async function stepsOf(): Promise<Record<'adopt' | 'rollback', readonly string[]>> {
  await lab.startAgent({ name: 'beta' });
  const adopt = await runKilled(lab, { command: 'adopt', agent: 'beta', ...NEVER });
  const { id } = await takeOne(lab, 'beta');
  const rollback = await runKilled(lab, {
    command: 'rollback',
    agent: 'beta',
    snapshot: id,
    ...NEVER,
  });
  await must(['docker', '-H', `unix://${lab.socket}`, 'rm', '-f', 'agent-beta']);
  return { adopt: adopt.steps, rollback: rollback.steps };
}

test('with the capabilities of the unit alone an adoption is ended, and rollbacks go both ways', async () => {
  const steps = await stepsOf();
  if (capturesPlain()) {
    mark(subject, 'then');
    const { id } = await takeOne(lab, 'alpha');
    mark(subject, 'now');
    await cutShort({ command: 'rollback', snapshot: id }, 'install', steps.rollback);
    await expectRecovered('reverted');
    assert.is(markOf(subject), 'now');
  }
  await cutShort({ command: 'adopt' }, 'install', steps.adopt);
  await expectRecovered('reverted');
  await cutShort({ command: 'adopt' }, 'destroyOld', steps.adopt);
  await expectRecovered('finished');
  assert.is(kindOf(subject), 'dataset');
  mark(subject, 'then');
  const { id } = await takeOne(lab, 'alpha');
  for (const [step, outcome, word] of [
    ['install', 'reverted', 'now'],
    ['start', 'finished', 'then'],
  ] as const) {
    mark(subject, 'now');
    await cutShort({ command: 'rollback', snapshot: id }, step, steps.rollback);
    await expectRecovered(outcome);
    assert.is(markOf(subject), word);
  }
  assert.ok(existsSync(join(subject.agent.path('shared'), 'odd/frozen-dir/file')));
});

test('with those of the daemon an agent is captured whole, its databases checkpointed, and what is to go goes', async () => {
  const taken = (await limited(DAEMON, ['snapshot', 'alpha'])) as SnapshotReport;
  assert.equal(taken.failures, []);
  const [point] = taken.snapshots;
  if (point === undefined) throw new Error(JSON.stringify(taken));
  assert.is(point.grade, 'checkpointed');
  assert.ok(point.frozenMs > 0 && point.sqlite.length > 0, JSON.stringify(point));
  const prune = ['prune', '--id', point.id, '--yes', '--force'];
  const { destroy, failures } = (await limited(DAEMON, prune)) as PruneDocument;
  assert.equal([destroy.map(({ id }) => id), failures], [[point.id], []]);
});

test.run();
