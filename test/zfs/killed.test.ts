import * as assert from 'uvu/assert';
import type { Manifest } from '../../src/model/manifest.ts';
import { snapshot } from '../../src/usecases/snapshot.ts';
import { labContext } from '../support/context.ts';
import { deadRecords } from '../support/kill/frozen.ts';
import { runKilled } from '../support/kill/killed.ts';
import { seededRandom, SOAK } from '../support/kill/random.ts';
import { assertRecovered, kindOf, mark, markOf, NEVER } from '../support/kill/subject.ts';
import {
  anywhere,
  at,
  kill,
  killTwice,
  listed,
  WINDOW_MS,
  within,
  type Given,
} from '../support/kill/twice.ts';
import { startLab } from '../support/lab/lab.ts';
import { leftovers } from '../support/store.ts';
import { suite } from '../support/suite.ts';
import { requireZfs } from '../support/zfs/available.ts';

requireZfs();

const ROUNDS = SOAK ? 10 : 1;
/** How many restore points a prune is to destroy. */
const DOOMED = 2;

const test = suite<Given>('zfs: kill -9');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const random = seededRandom('kill -9 on ZFS');
  given.subject = { lab, agent: await lab.startAgent({ name: 'alpha' }), random };
  given.checked = new Set();
  given.kills = new Map();
  given.recoveries = 0;
  given.worstThawMs = 0;
});

test.after(async ({ subject }) => subject?.lab.stop());

/** The next run works, and leaves nothing of those before. */
async function assertUsable(given: Given): Promise<string> {
  const { lab, agent } = given.subject;
  const request = { agents: [agent.name], tags: {}, pin: false };
  const { snapshots, failures } = await snapshot(await labContext(lab), request);
  assert.equal(failures, []);
  const [id = ''] = snapshots.map((one) => one.id);
  assert.ok((await listed(given)).some((one) => one.id === id));
  assert.equal(leftovers(lab), []);
  assert.equal(deadRecords([agent.id]), []);
  return id;
}

async function adopting(given: Given): Promise<void> {
  const { subject } = given;
  mark(subject, 'mine');
  const check = (): void => {
    assert.is(markOf(subject), 'mine');
    assert.is(kindOf(subject), 'directory');
  };
  const command = 'adopt';
  await killTwice(given, { command, ...within(given, 'stage', 2, 300) }, at('', 1), check);
  await killTwice(given, { command, ...at('install', 2) }, anywhere(given), check);
  const { report } = await runKilled(subject.lab, { command, agent: subject.agent.name, ...NEVER });
  assert.is(kindOf(subject), 'dataset', JSON.stringify(report));
  await assertRecovered(subject);
}

async function taking(given: Given): Promise<void> {
  const instants = [
    at('flush', 1),
    at('take', 1),
    within(given, 'take', 1, 400),
    at('finish', 1),
    within(given, 'publish', 1, 600),
    anywhere(given),
  ];
  for (const instant of instants) {
    const before = (await listed(given)).length;
    await kill(given, { command: 'snapshot', ...instant }, async ({ steps, killed, crashed }) => {
      const more = (await listed(given)).length - before;
      const published = steps.some((step) => step.endsWith(' publish'));
      if (!killed) assert.is(more, 1);
      else if (!published && !crashed) assert.is(more, 0);
      else assert.ok(more === 0 || more === 1);
    });
  }
  await assertUsable(given);
}

async function rollingBack(given: Given): Promise<void> {
  const { subject } = given;
  mark(subject, 'then');
  const command = 'rollback';
  const snapshot = await assertUsable(given);
  mark(subject, 'now');
  const before = { command, snapshot, ...at('install', 2) } as const;
  await killTwice(given, before, at('revert', 2), () => {
    assert.is(markOf(subject), 'now');
  });
  const after = { command, snapshot, ...at('keepRetired', 1) } as const;
  await killTwice(given, after, at('', 1), () => {
    assert.is(markOf(subject), 'then');
  });
  mark(subject, 'now');
  const random = { command, snapshot, ...anywhere(given) } as const;
  await killTwice(given, random, within(given, '', 1, WINDOW_MS / 2), () => {
    assert.ok(['now', 'then'].includes(markOf(subject)), markOf(subject));
  });
}

/** A safety snapshot where there is one, and the oldest others; never the newest. */
function doomed(points: readonly Manifest[]): readonly string[] {
  const byAge = points.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  const safeties = byAge.filter(({ safety }) => safety).slice(0, 1);
  const others = byAge.filter(({ safety }) => !safety).slice(0, -1);
  return [...safeties, ...others].slice(0, DOOMED).map(({ id }) => id);
}

/** As many as `doomed` gives and one to stay; how many the kills before have left is theirs. */
async function enough(given: Given): Promise<readonly Manifest[]> {
  for (;;) {
    const points = await listed(given);
    if (doomed(points).length === DOOMED) return points;
    await assertUsable(given);
  }
}

async function pruning(given: Given): Promise<void> {
  for (const instant of [at('destroy', 1), within(given, 'destroy', 2, 1_500), anywhere(given)]) {
    const before = await enough(given);
    const named = doomed(before);
    const request = { command: 'prune', snapshot: named.join(','), ...instant } as const;
    await kill(given, request, async () => {
      const left = (await listed(given)).map(({ id }) => id);
      const kept = before.map(({ id }) => id).filter((id) => !named.includes(id));
      assert.equal(left.filter((id) => !named.includes(id)).sort(), kept.sort());
    });
  }
  await assertUsable(given);
}

async function unadopting(given: Given): Promise<void> {
  const { subject } = given;
  mark(subject, 'mine');
  const command = 'unadopt';
  await killTwice(given, { command, ...at('retire', 2) }, anywhere(given), () => {
    assert.is(markOf(subject), 'mine');
  });
  const { report } = await runKilled(subject.lab, { command, agent: subject.agent.name, ...NEVER });
  assert.equal([kindOf(subject), markOf(subject)], ['directory', 'mine'], JSON.stringify(report));
  await assertRecovered(subject);
}

for (let round = 1; round <= ROUNDS; round += 1) {
  const each = ROUNDS === 1 ? '' : ` (${String(round)})`;
  test(`adopt: the agent is whole on one of the two, and running${each}`, adopting);
  test(
    `snapshot: thawed in time, whole restore points alone, and the next run works${each}`,
    taking,
  );
  test(`rollback: the agent is whole on one of the two, and running${each}`, rollingBack);
  test(`prune: what is listed is whole, what was not named is there${each}`, pruning);
  test(`unadopt: the agent is whole on one of the two, and running${each}`, unadopting);
}

test('all of that by kills', ({ kills, worstThawMs }) => {
  const counts = [...kills].map(([command, times]) => `${command} ${String(times)}`);
  console.log(`kills: ${counts.join(', ')}; worst thaw ${worstThawMs.toFixed(0)} ms`);
  assert.is(kills.size, 6);
  // 21 a round are meant; what comes to its end before its instant is none.
  assert.ok([...kills.values()].reduce((sum, times) => sum + times, 0) >= 16 * ROUNDS);
});

test.run();
