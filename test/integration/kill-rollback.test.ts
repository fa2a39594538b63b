import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import { labContext } from '../support/context.ts';
import { inLocation, text } from '../support/cycle/images.ts';
import { seededRandom, SOAK } from '../support/kill/random.ts';
import { killRecoveries } from '../support/kill/recoveries.ts';
import {
  instants,
  killAndRecover,
  mark,
  markOf,
  NEVER,
  type Subject,
} from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';

requireLab();

interface Given {
  subject: Subject;
  /** The restore point whose word is `then`. */
  then: string;
  /** What a rollback does when nobody kills it. */
  steps: readonly string[];
}

/** Where a recovery is killed, and at each how many of its steps: every third, in a soak all. */
const RECOVERIES = EMULATED ? ['install'] : ['install', 'start', 'keepRetired'];
const STRIDE = SOAK ? 1 : 3;

for (const adopted of capturesPlain() ? [true, false] : [true]) {
  const test = suite<Given>(`kill -9 of rollback (${adopted ? 'adopted' : 'plain'})`);

  test.before(async (given) => {
    const lab = await startLab({ size: '2G' });
    const random = seededRandom('kill -9 of rollback');
    const agent = await lab.startAgent({ name: 'alpha' });
    given.subject = { lab, agent, random };
    if (adopted) assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
    mark(given.subject, 'then');
    const { json } = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
    given.then = json.snapshots[0]?.id ?? '';
  });

  test.after(async ({ subject }) => subject?.lab.stop());

  test('at every step the agent is whole on one of the two, and running', async (given) => {
    const { subject } = given;
    const request = { command: 'rollback', snapshot: given.then } as const;
    mark(subject, 'now');
    const { steps } = await killAndRecover(subject, { ...request, ...NEVER });
    assert.is(markOf(subject), 'then');
    given.steps = steps;
    const ends = { now: 0, then: 0 };
    const all = instants(steps, subject.random);
    for (const instant of adopted ? all : all.filter((_, index) => index % 2 === 0)) {
      mark(subject, 'now');
      const { last } = await killAndRecover(subject, { ...request, ...instant });
      const word = markOf(subject) as 'now' | 'then';
      ends[word] += 1;
      if (word === 'then') assert.is(await safetyWord(given), 'now', `no way back: ${last}`);
    }
    console.log(`kills: ${String(ends.then)} finished, ${String(ends.now)} reverted`);
    if (!EMULATED) assert.ok(ends.now > 0 && ends.then > 0);
  });

  test('a recovery killed at each of its steps goes on where it was', async (given) => {
    const { subject, steps } = given;
    let kills = 0;
    for (const step of adopted ? RECOVERIES : ['install']) {
      const at = steps.findIndex((line) => line.endsWith(` ${step}`)) + 1;
      assert.ok(at > 0, step);
      mark(subject, 'now');
      const request = { command: 'rollback', snapshot: given.then, at } as const;
      kills += await killRecoveries(subject, request, STRIDE);
      assert.ok(['now', 'then'].includes(markOf(subject)));
    }
    console.log(`${String(kills)} kills of recover`);
    assert.ok(kills > 3 / STRIDE);
  });

  test.run();
}

/** The word in the newest safety snapshot. */
async function safetyWord({ subject: { lab } }: Given): Promise<string> {
  const store = await (await labContext(lab)).openStore(lab.fsUuid);
  const points = (await store.list()).filter(({ manifest }) => manifest.safety);
  const newest = points.sort((a, b) => (a.manifest.createdAt < b.manifest.createdAt ? 1 : -1))[0];
  const { image = '' } = newest?.manifest.volumes[0] ?? {};
  return inLocation(lab, newest?.locations[image] ?? '', (root) => text(root, 'state'));
}
