import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { listed } from '../support/cycle/commands.ts';
import { seenBy } from '../support/cycle/containers.ts';
import { expectConsistent } from '../support/cycle/images.ts';
import { watchFreezes } from '../support/herd/freezes.ts';
import {
  birthsOf,
  readImages,
  SHARED_FROM,
  shares,
  startHerd,
  type Herd,
} from '../support/herd/herd.ts';
import { describe, type Ended } from '../support/herd/history.ts';
import { strayed, torn, wrongRollbacks } from '../support/herd/lives.ts';
import type { Marks } from '../support/herd/marks.ts';
import { achieved, tally, wrongOutcomes } from '../support/herd/outcomes.ts';
import { wrongPoints } from '../support/herd/points.ts';
import { runOne, work, type Work } from '../support/herd/worker.ts';
import { deadRecords, freezerOf } from '../support/kill/frozen.ts';
import { seededRandom, SOAK } from '../support/kill/random.ts';
import { assertRecovered } from '../support/kill/subject.ts';
import { TARGETS } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab } from '../support/lab/lab.ts';
import { leftovers } from '../support/store.ts';

requireLab();

const WORKERS = 8;
/** Restore points of each agent to begin with: some can be pruned. */
const FIRST = 3;
const LAST_MS = SOAK ? 600_000 : EMULATED ? 120_000 : 30_000;
/** A busy machine has not done everything by then. */
const LATEST_MS = LAST_MS + 120_000;
/** quiesce.maxFreeze, and as much again for a machine that is busy with eight runs. */
const MOST_FROZEN_MS = 2 * 3_000;

interface Given {
  herd: Herd;
  the: Work;
}

const test = suite<Given>('many at once');

test.before(async (given) => {
  const lab = await startLab({ size: '8G' });
  const random = seededRandom('many at once');
  given.the = { lab, random, history: [], images: new Map<string, Marks>() };
  given.herd = await startHerd(lab);
  for (let made = 0; made < FIRST; made += 1) {
    const first = await runOne(lab, plain('snapshot'));
    assert.is(first.exitCode, 0);
    given.the.history.push(first);
  }
});

test.after(async ({ the }) => the?.lab.stop());

function plain(verb: 'snapshot' | 'snapshots' | 'recover') {
  return { verb, agents: [], id: null, pin: false, waitMs: 0 } as const;
}

test('every outcome of eight runs at once is one that some order explains', async (given) => {
  const { herd, the } = given;
  const { lab, history, images } = the;
  const freezes = await watchFreezes(herd);
  const began = Date.now();
  const isEnough = (): boolean => {
    const took = Date.now() - began;
    return took > LATEST_MS || (took > LAST_MS && missing(history).length === 0);
  };
  await Promise.all(Array.from({ length: WORKERS }, async () => work(the, isEnough)));
  history.push(await runOne(lab, plain('recover')), await runOne(lab, plain('snapshots')));
  const frozen = await freezes.end();
  await readImages(lab, images);
  const births = await birthsOf(herd);
  console.log(`${String(history.length)} commands: ${JSON.stringify(tally(history))}`);
  assert.equal(missing(history), [], JSON.stringify(achieved(history)));
  console.log(`${String(births.length)} starts; longest freezes, ms: ${JSON.stringify(frozen)}`);
  const wrong = [
    ...wrongOutcomes(history, shares),
    ...wrongPoints(history),
    ...torn(images, births),
    ...wrongRollbacks(history, images, births),
    ...strayed(history, births),
  ];
  assert.equal(wrong, [], story(history));
  for (const [container, ms] of Object.entries(frozen))
    assert.ok(ms < MOST_FROZEN_MS, `${container} was frozen for ${String(ms)} ms`);
});

/** What has to be done at least once by the workers, and was not yet. */
function missing(history: readonly Ended[]): readonly string[] {
  const done = achieved(history);
  const verbs = EMULATED ? (['snapshot'] as const) : (['snapshot', 'rollback', 'prune'] as const);
  return verbs.filter((verb) => done[verb] <= (verb === 'snapshot' ? FIRST : 0));
}

/** All commands by their beginning, for whoever has to find out. */
function story(history: readonly Ended[]): string {
  const [first] = history;
  const ordered = [...history].sort((a, b) => a.beganAt - b.beganAt);
  return ordered.map((one) => describe(one, first?.beganAt)).join('\n');
}

test('all is whole afterwards', async ({ herd, the }) => {
  const { lab, random } = the;
  assert.equal(leftovers(lab), []);
  for (const agent of herd.agents) {
    assert.is((await freezerOf(lab, agent.container)).frozen(), false);
    await assertRecovered({ lab, agent, random });
  }
  assert.equal(deadRecords(herd.agents.map(({ id }) => id)), []);
  for (const point of await listed(lab)) await expectConsistent(lab, point);
});

test('who mounts a shared volume has the one that is in place', async ({ herd, the }) => {
  for (const { name, container } of herd.agents) {
    for (const owner of SHARED_FROM[name] ?? []) {
      const theirs = await seenBy(the.lab, container, `/home/developer/shared-in/${owner}`);
      assert.is(
        theirs,
        await seenBy(the.lab, `agent-${owner}`, TARGETS.shared),
        `${name}: ${owner}`,
      );
    }
  }
});

test('there is nothing to recover, and every agent can be captured at once', async ({ the }) => {
  const recovered = await runOne(the.lab, plain('recover'));
  assert.equal([recovered.exitCode, recovered.said], [0, { results: [], failures: [] }]);
  assert.is((await runOne(the.lab, plain('snapshot'))).exitCode, 0);
});

test.run();
