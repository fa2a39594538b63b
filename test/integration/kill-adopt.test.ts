import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { seededRandom, SOAK } from '../support/kill/random.ts';
import { killRecoveries } from '../support/kill/recoveries.ts';
import {
  instants,
  killAndRecover,
  kindOf,
  mark,
  markOf,
  NEVER,
  type Instant,
  type Subject,
} from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab } from '../support/lab/lab.ts';

requireLab();

const FILES = EMULATED ? 4_000 : 20_000;
const ROUNDS = SOAK ? 10 : EMULATED ? 1 : 2;

const test = suite<{ subject: Subject }>('kill -9 of adopt and unadopt');

test.before(async (given) => {
  const lab = await startLab({ size: '2G', layout: 'subvol' });
  const random = seededRandom('kill -9 of adopt and unadopt');
  given.subject = { lab, agent: await lab.startAgent({ name: 'alpha' }), random };
});

test.after(async ({ subject }) => subject?.lab.stop());

async function turn(subject: Subject, kind: 'directory' | 'dataset'): Promise<void> {
  if (kindOf(subject) === kind) return;
  const command = kind === 'dataset' ? 'adopt' : 'unadopt';
  assert.is((await subject.lab.cowherd([command, 'alpha', '--yes'])).exitCode, 0);
}

/** Each kill leaves the agent plain or adopted; whichever it is, the other direction is killed next, at its next instant. */
test('at every step the agent is whole on one of the two, and running', async ({ subject }) => {
  mark(subject, 'mine');
  const due = new Map<string, Instant[]>();
  const ends = { finished: 0, reverted: 0 };
  for (const command of ['adopt', 'unadopt'] as const) {
    const { steps } = await killAndRecover(subject, { command, ...NEVER });
    due.set(command, [...instants(steps, subject.random)]);
  }
  while ([...due.values()].some(({ length }) => length > 0)) {
    const before = kindOf(subject);
    const command = before === 'directory' ? 'adopt' : 'unadopt';
    const instant = due.get(command)?.shift() ?? NEVER;
    const { killed } = await killAndRecover(subject, { command, ...instant }, () => {
      assert.is(markOf(subject), 'mine');
    });
    const turned = kindOf(subject) !== before;
    if (killed) ends[turned ? 'finished' : 'reverted'] += 1;
    else assert.ok(turned);
  }
  const { finished, reverted } = ends;
  console.log(`kills: ${String(finished)} finished, ${String(reverted)} reverted`);
  if (!EMULATED) assert.ok(finished > 0 && reverted > 0);
});

/** Before which step an adopt is killed, and what the agent is after its recoveries. */
const CUT_SHORT = [
  ['install', 'directory'],
  ['stage', 'directory'],
  ['start', 'dataset'],
  ['destroyOld', 'dataset'],
] as const;

test('a recovery killed at each of its steps goes on where it was', async ({ subject }) => {
  await turn(subject, 'directory');
  mark(subject, 'mine');
  const { steps } = await killAndRecover(subject, { command: 'adopt', ...NEVER });
  const kills: number[] = [];
  const [few, stride] = SOAK ? [CUT_SHORT.length, 1] : EMULATED ? [1, 3] : [CUT_SHORT.length, 3];
  for (const [step, kind] of CUT_SHORT.slice(0, few)) {
    await turn(subject, 'directory');
    const at = steps.findIndex((line) => line.endsWith(` ${step}`)) + 1;
    assert.ok(at > 0, step);
    kills.push(await killRecoveries(subject, { command: 'adopt', at }, stride));
    assert.is(kindOf(subject), kind, step);
    assert.is(markOf(subject), 'mine', step);
  }
  console.log(`kills of recover: ${kills.join(', ')}`);
  assert.ok(kills.every((count) => count > 1));
});

test('a copy ends with the process that began it, and recovery finds a place at rest', async ({
  subject,
}) => {
  const { lab, agent, random } = subject;
  await turn(subject, 'dataset');
  const many = join(agent.path('workspace'), 'many');
  mkdirSync(many);
  for (let index = 0; index < FILES; index += 1) writeFileSync(join(many, String(index)), 'small');
  const { steps } = await killAndRecover(
    subject,
    { command: 'unadopt', ...NEVER },
    ({ report }) => {
      assert.is(kindOf(subject), 'directory', JSON.stringify(report));
    },
  );
  const at = steps.findIndex((line) => line.endsWith(' stage')) + 1;
  for (const command of ['adopt', 'unadopt'] as const) {
    for (let round = 0; round < ROUNDS; round += 1) {
      const delayMs = Math.floor(100 + random() * 600);
      await killAndRecover(
        subject,
        { command, at, when: 'during', delayMs },
        ({ last, killed, crashed, report }) => {
          const told = `at ${String(at)}: ${last}, ${JSON.stringify({ killed, report })}`;
          assert.ok(crashed || (killed && last.endsWith(' stage')), told);
        },
      );
    }
    assert.is((await lab.cowherd([command, 'alpha', '--yes'])).exitCode, 0);
  }
});

test.run();
