import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { listSnapshots } from '../../src/usecases/snapshots.ts';
import { pruneIds } from '../../src/usecases/prune.ts';
import { planRollback } from '../../src/usecases/rollback-plan.ts';
import { rollback } from '../../src/usecases/rollback.ts';
import { snapshot } from '../../src/usecases/snapshot.ts';
import { labContext, type TestContext } from '../support/context.ts';
import { makeCapturable } from '../support/cycle/commands.ts';
import { mark, markOf, type Subject } from '../support/kill/subject.ts';
import { seededRandom } from '../support/kill/random.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab } from '../support/lab/lab.ts';
import { leftovers } from '../support/store.ts';

requireLab();

const NOON = Date.parse('2026-11-22T12:00:00.250Z');
const DAY_MS = 86_400_000;
const FUTURE = '2036-11-22T12:00:00.250Z';

interface Given {
  subject: Subject;
  /** The same host with the clock at this time. */
  at: (time: number | string) => Promise<TestContext>;
}

const test = suite<Given>('clocks that jump');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const agent = await lab.startAgent({ name: 'alpha' });
  await makeCapturable(lab, ['alpha']);
  given.subject = { lab, agent, random: seededRandom('clocks that jump') };
  given.at = async (time) => labContext(lab, { over: { now: () => new Date(time) } });
});

test.after(async ({ subject }) => subject?.lab.stop());

async function take({ subject }: Given, context: TestContext, word: string): Promise<string> {
  mark(subject, word);
  const request = { agents: ['alpha'], tags: {}, pin: false };
  const { snapshots, failures } = await snapshot(context, request);
  assert.equal(failures, []);
  return snapshots[0]?.id ?? '';
}

async function latestOf(context: TestContext): Promise<string> {
  const target = { agent: 'alpha', snapshot: 'latest', includeUsers: false };
  return (await planRollback(context, target)).point.manifest.id;
}

test('a clock that stands still, goes back a day and forward ten years: every id is its own, nothing is lost', async (given) => {
  const { at } = given;
  const taken: string[] = [];
  for (const time of [NOON, NOON, NOON - DAY_MS, NOON, FUTURE, NOON + 1000])
    taken.push(await take(given, await at(time), `state ${String(taken.length)}`));
  assert.equal(taken, [
    'alpha@20261122T120000Z',
    'alpha@20261122T120000Z-1',
    'alpha@20261121T120000Z',
    'alpha@20261122T120000Z-2',
    'alpha@20361122T120000Z',
    'alpha@20261122T120001Z',
  ]);
  const { snapshots } = await listSnapshots(await at(NOON), []);
  const order = [4, 5, 3, 1, 0, 2].map((index) => taken[index] ?? '');
  assert.equal(
    snapshots.map(({ id }) => id),
    order,
  );
});

test('latest is never from the future, and whoever asks for it is told', async ({ at }) => {
  const now = await at(NOON + 2000);
  assert.is(await latestOf(now), 'alpha@20261122T120001Z');
  assert.ok(now.told.some((line) => line.includes('CLOCK_SUSPECT') && line.includes('alpha@2036')));
  assert.is(await latestOf(await at('2036-11-23T00:00:00Z')), 'alpha@20361122T120000Z');
  const past = await at('2001-01-01T00:00:00Z');
  assert.is(await latestOf(past), 'alpha@20361122T120000Z');
  assert.ok(past.told.some((line) => line.includes('CLOCK_SUSPECT')));
});

test('what is newest by a right clock is kept, and what is from the future', async ({ at }) => {
  const ids = ['alpha@20261122T120001Z', 'alpha@20361122T120000Z', 'alpha@20261121T120000Z'];
  const request = { ids, force: false, dryRun: true };
  const { keep, destroy } = await pruneIds(await at(NOON + 2000), request);
  assert.equal(
    keep.map(({ reasons }) => reasons),
    [['newest'], ['future']],
  );
  assert.equal(
    destroy.map(({ id }) => id),
    [ids[2]],
  );
});

test('a rollback works whatever the clock says, and its safety snapshot stays', async ({
  subject,
  at,
}) => {
  for (const time of [NOON - 10 * DAY_MS, '2036-11-22T12:00:00.250Z']) {
    mark(subject, 'now');
    const context = await at(time);
    const report = await rollback(context, {
      ...{ agent: 'alpha', snapshot: 'alpha@20261121T120000Z', includeUsers: false },
      ...{ start: true, revert: true, healthTimeoutMs: 1_000 },
    });
    assert.is(report.outcome, 'rolled-back', JSON.stringify(report));
    assert.is(markOf(subject), 'state 2');
    const request = { ids: [report.safety ?? ''], force: false, dryRun: true };
    assert.is((await pruneIds(context, request)).destroy.length, 0);
  }
  assert.is((await listSnapshots(await at(NOON), [])).snapshots.length, 8);
  assert.equal(leftovers(subject.lab), []);
});

test.run();
