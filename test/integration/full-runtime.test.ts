import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { listed, takeOne, type ErrorDocument } from '../support/cycle/commands.ts';
import { startedAt, stateOf } from '../support/cycle/containers.ts';
import { RUNTIME, withRuntime } from '../support/faults/small-runtime.ts';
import { freezerOf } from '../support/kill/frozen.ts';
import { runKilled } from '../support/kill/killed.ts';
import { seededRandom, SOAK } from '../support/kill/random.ts';
import {
  assertRecovered,
  kindOf,
  mark,
  markOf,
  NEVER,
  recoverBy,
  type Subject,
} from '../support/kill/subject.ts';
import { requireFilesystem, requireLab } from '../support/lab/available.ts';
import { startLab } from '../support/lab/lab.ts';
import { leftovers } from '../support/store.ts';

requireLab();
requireFilesystem(
  'btrfs',
  'on ZFS what is mounted in a namespace of its own is not there for Docker',
);

/** Full at once, and with hardly any room for names. */
const FULL = { 'without bytes': 'size=8k', 'without inodes': 'nr_inodes=1', small: 'nr_inodes=24' };
/** Large enough until it is filled. */
const ROOMY = withRuntime('size=2m,nr_inodes=400');

interface Given {
  subject: Subject;
  then: string;
  other: string;
}

const test = suite<Given>('a full runtime directory');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const agent = await lab.startAgent({ name: 'alpha' });
  given.subject = { lab, agent, random: seededRandom('a full runtime directory') };
  mark(given.subject, 'then');
  given.then = (await takeOne(lab, 'alpha')).id;
  given.other = (await takeOne(lab, 'alpha')).id;
  mark(given.subject, 'now');
});

test.after(async ({ subject }) => subject?.lab.stop());

interface Refused extends Partial<ErrorDocument> {
  readonly failures?: readonly Failure[];
}

for (const [how, options] of Object.entries(FULL))
  test(`${how}: what freezes or stops is refused before it does, and says what is full`, async ({
    subject,
    then,
  }) => {
    const { lab, agent } = subject;
    const started = await startedAt(lab, agent.container);
    const rollback = ['rollback', 'alpha', '--snapshot', then, '--yes'];
    for (const argv of [['snapshot', 'alpha'], rollback, ['adopt', 'alpha', '--yes']]) {
      const within = withRuntime(options);
      const result = await lab.cowherd<Refused>([...argv, '--json'], { within });
      assert.is(result.exitCode, 1, result.stdout);
      assert.is(result.json.error?.code, 'NO_SPACE', result.stdout);
      assert.match(result.json.error?.hint ?? '', `df -h ${RUNTIME}`);
    }
    assert.is(await startedAt(lab, agent.container), started);
    assert.not.ok((await freezerOf(lab, agent.container)).frozen());
    assert.is(markOf(subject), 'now');
    assert.is(kindOf(subject), 'directory');
    assert.equal(leftovers(lab), []);
  });

test('doctor and status say so; a pin is refused, and nothing is lost', async ({
  subject: { lab },
  then,
  other,
}) => {
  const within = withRuntime('nr_inodes=4');
  for (const command of ['doctor', 'status']) {
    const { exitCode, json } = await lab.cowherd<DoctorDocument>([command, '--json'], { within });
    assert.is(exitCode, 6);
    const said = json.findings.filter(({ code }) => code === 'LOW_SPACE');
    assert.ok(
      said.some(({ message, severity }) => severity === 'error' && message.startsWith(RUNTIME)),
    );
  }
  const { exitCode, json } = await lab.cowherd<Refused>(['pin', other, '--json'], { within });
  assert.equal([exitCode, json.error?.code], [1, 'NO_SPACE']);
  assert.match(json.error?.hint ?? '', RUNTIME);
  assert.equal(
    (await listed(lab)).map(({ id, pinned }) => [id, pinned]),
    [
      [other, false],
      [then, false],
    ],
  );
});

/** Where it fills up: before each of these; in a soak before every step. */
const STEPS = {
  snapshot: ['capture', 'flush', 'take', 'publish'],
  rollback: ['stop', 'capture', 'flush', 'install', 'start'],
  adopt: ['stop', 'stage', 'install', 'start'],
} as const;

for (const command of ['snapshot', 'rollback', 'adopt'] as const)
  test(`that fills up during ${command}: the agent runs, and is whole on one of the two`, async ({
    subject,
    then,
  }) => {
    const { lab, agent } = subject;
    const request = { command, agent: agent.name, snapshot: then, within: ROOMY } as const;
    const { steps } = await runKilled(lab, { ...request, ...NEVER });
    const names = steps.map((line) => line.split(' ')[1] ?? '');
    const ends = { done: 0, refused: 0 };
    for (const step of SOAK ? new Set(names) : STEPS[command]) {
      if (command === 'adopt' && kindOf(subject) === 'dataset')
        assert.is((await lab.cowherd(['unadopt', 'alpha', '--yes'])).exitCode, 0);
      mark(subject, 'now');
      const at = names.indexOf(step) + 1;
      assert.ok(at > 0, `${step} in ${names.join()}`);
      const full = { at, when: 'full', delayMs: 0, fill: join(RUNTIME, 'fill') } as const;
      const { report } = await runKilled(lab, { ...request, ...full });
      const where = `${command}, full before ${step}: ${JSON.stringify(report)}`;
      assert.is(await stateOf(lab, agent.container), 'running', where);
      assert.not.ok((await freezerOf(lab, agent.container)).frozen(), where);
      const { failures } = report as { readonly failures: readonly Failure[] };
      for (const { code, hint } of failures)
        assert.ok(code === 'NO_SPACE' && hint.includes(RUNTIME), where);
      if (failures.length > 0) assert.is(markOf(subject), 'now', where);
      ends[failures.length > 0 ? 'refused' : 'done'] += 1;
      await recoverBy(subject, 0);
      await assertRecovered(subject);
    }
    console.log(command, JSON.stringify(ends));
    assert.ok(ends.done > 0 && (ends.refused > 0 || command === 'adopt'));
  });

test.run();
