import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom, SOAK } from '../support/kill/random.ts';
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

test('a copy ends with the process that began it, and recovery finds a place at rest', async ({
  subject,
}) => {
  const { lab, agent, random } = subject;
  if (kindOf(subject) === 'directory')
    assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
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
