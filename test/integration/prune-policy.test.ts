import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { pruneSchema } from '../../src/usecases/document-schema.ts';
import { observeHost } from '../../src/usecases/host.ts';
import { lockAgents } from '../../src/usecases/locking.ts';
import type { PruneDocument } from '../../src/usecases/prune-document.ts';
import { makeManyPoints } from '../support/bench/many-points.ts';
import { labContext } from '../support/context.ts';
import { codes, listed, refusal } from '../support/cycle/commands.ts';
import { isThere, locationOf } from '../support/cycle/images.ts';
import { ids, pruneBy, takeAgo } from '../support/cycle/prune.ts';
import { removeVolumes } from '../support/cycle/volumes.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';
import { leftovers, storeOf } from '../support/store.ts';

requireLab();

const DAY_MS = 86_400_000;
const RETENTION = { daily: 3, minimum: 1, maxDestroyRatio: 1 };

interface Given {
  lab: Lab;
  config: string;
}

const test = suite<Given>('prune by the rules');

test.before(async (given) => {
  given.lab = await startLab({ agents: ['alpha', 'beta'] });
  given.config = given.lab.writeConfig('rules', {
    retention: RETENTION,
    policies: [{ agents: ['beta'], retention: { last: 1 } }],
  });
});

test.after(async ({ lab }) => lab?.stop());

async function prune({ lab, config }: Given, ...args: string[]) {
  return pruneBy(lab, config, args);
}

const reasonsOf = ({ keep }: PruneDocument) =>
  Object.fromEntries(keep.map(({ id, reasons }) => [id, reasons.join(' ')]));

test('a dry run says of each why it stays or goes, and changes nothing', async (given) => {
  const { lab, config } = given;
  const old = await takeAgo(lab, 'alpha', 9);
  const pinned = await takeAgo(lab, 'alpha', 8, true);
  const days = [5, 4, 3, 3].map((day) => async () => takeAgo(lab, 'alpha', day));
  const taken: string[] = [];
  for (const take of days) taken.push(await take());
  const { exitCode, json } = await prune(given, '--dry-run');
  assert.is(exitCode, 0);
  assert.ok(pruneSchema.safeParse(json).success);
  assert.equal(reasonsOf(json), {
    [taken[3] ?? '']: 'daily newest minimum',
    [taken[1] ?? '']: 'daily',
    [taken[0] ?? '']: 'daily',
    [pinned]: 'pinned',
  });
  assert.equal(ids(json.destroy), [taken[2], old]);
  const until = json.keep.find(({ id }) => id === taken[0])?.until ?? '';
  assert.ok(Date.parse(until) > Date.now() || until === '');
  assert.is((await listed(lab)).length, 6);
  assert.not.ok(existsSync(join(lab.state, 'last-prune')), 'nothing is noted either');
  const human = await lab.cowherd(['prune', '--dry-run'], { config });
  for (const { id } of [...json.keep, ...json.destroy]) assert.match(human.stdout, id);
  assert.equal(json.frees, [{ filesystem: lab.fsUuid, bytes: null }]);
  assert.match(human.stdout, /cannot say beforehand/);
});

test('what no rule keeps goes with its images, nobody is asked, and again is success', async (given) => {
  const { lab } = given;
  const before = await listed(lab);
  const { exitCode, json } = await prune(given);
  assert.equal([exitCode, json.failures, json.destroy.length], [0, [], 2]);
  const left = await listed(lab);
  assert.equal(ids(left), ids(json.keep));
  for (const point of before) {
    const is = await isThere(locationOf(point, 'agent-alpha-workspace'));
    assert.is(is, ids(left).includes(point.id), point.id);
  }
  const again = await prune(given);
  assert.equal([again.exitCode, again.json.destroy], [0, []]);
  assert.equal(leftovers(lab), []);
});

test('each agent has its own policy, and only those that are named are pruned', async (given) => {
  const { lab } = given;
  const [older, newer] = [await takeAgo(lab, 'beta', 3), await takeAgo(lab, 'beta', 2)];
  const other = await prune(given, 'alpha');
  assert.equal([other.exitCode, other.json.destroy], [0, []]);
  const excluded = lab.writeConfig('excluded', {
    ...{ retention: RETENTION, agents: { exclude: ['beta'] } },
  });
  assert.equal((await prune({ lab, config: excluded })).json.destroy, []);
  const { json } = await prune(given, 'bet*');
  assert.equal([ids(json.keep), ids(json.destroy)], [[newer], [older]]);
  const unknown = await refusal(lab, ['prune', 'bet'], { config: given.config });
  assert.equal([unknown.exitCode, unknown.code], [2, 'AGENT_UNKNOWN']);
});

test('one that cannot be destroyed is told, the rest goes, and the next run takes it', async (given) => {
  const { lab } = given;
  const [first, stuck, last] = [
    await takeAgo(lab, 'alpha', 20),
    await takeAgo(lab, 'alpha', 19),
    await takeAgo(lab, 'alpha', 18),
  ];
  const directory = join(storeOf(lab), 'snapshots', stuck);
  await must(['chattr', '+i', directory]);
  try {
    const { exitCode, json } = await prune(given);
    assert.equal(
      [exitCode, codes(json), ids(json.destroy)],
      [3, ['PERMISSION_DENIED'], [last, first]],
    );
    assert.ok(ids(await listed(lab)).includes(stuck));
  } finally {
    await must(['chattr', '-i', directory]);
  }
  const { exitCode, json } = await prune(given);
  assert.equal([exitCode, ids(json.destroy)], [0, [stuck]]);
});

test('an agent that another run works on fails alone', async (given) => {
  const { lab } = given;
  const context = await labContext(lab);
  const host = await observeHost(context);
  const doomed = [await takeAgo(lab, 'alpha', 20), await takeAgo(lab, 'beta', 20)];
  const alpha = host.agents.filter(({ name }) => name === 'alpha');
  const locks = await lockAgents(context, alpha, host.observation);
  try {
    const both = await prune(given);
    assert.equal([both.exitCode, codes(both.json)], [3, ['LOCKED']]);
    assert.equal(ids(both.json.destroy), [doomed[1]]);
    const alone = await prune(given, 'alpha');
    assert.equal([alone.exitCode, codes(alone.json)], [4, ['LOCKED']]);
  } finally {
    locks.release();
  }
  assert.equal(ids((await prune(given)).json.destroy), [doomed[0]]);
});

test('a clock that went back is refused, unless one insists; then it is the clock that holds', async (given) => {
  const { lab, config } = given;
  const record = join(lab.state, 'last-prune');
  const doomed = await takeAgo(lab, 'alpha', 20);
  writeFileSync(record, `${new Date(Date.now() + DAY_MS).toISOString()}\n`);
  for (const args of [['prune'], ['prune', '--dry-run']]) {
    const { exitCode, code } = await refusal(lab, args, { config });
    assert.equal([exitCode, code], [5, 'CLOCK_SUSPECT']);
  }
  const asked = await refusal(lab, ['prune', '--force'], { config });
  assert.equal([asked.exitCode, asked.code], [5, 'CONFIRMATION_REQUIRED']);
  const forced = await prune(given, '--force', '--yes');
  assert.equal([forced.exitCode, ids(forced.json.destroy)], [0, [doomed]]);
  assert.ok(Date.parse(readFileSync(record, 'utf8').trim()) <= Date.now());
  writeFileSync(record, 'nonsense');
  const told = await prune(given);
  assert.is(told.exitCode, 0);
  assert.match(told.stderr, 'last-prune');
});

test('of many at once only a part goes, what is from the future stays', async (given) => {
  const { lab } = given;
  const newest = await takeAgo(lab, 'beta', 1);
  makeManyPoints(lab, 'beta', { from: 1, count: 18 });
  const future = await takeAgo(lab, 'beta', -30);
  const config = lab.writeConfig('half', { retention: { last: 1, maxDestroyRatio: 0.5 } });
  const all = await listed(lab, ['beta']);
  const { exitCode, json, stderr } = await prune({ lab, config }, 'beta');
  assert.is(exitCode, 0);
  const reasons = reasonsOf(json);
  assert.equal([reasons[future], reasons[newest]], ['future', 'last newest minimum']);
  assert.match(stderr, 'CLOCK_SUSPECT');
  assert.is(json.destroy.length, Math.floor(all.length / 2));
  assert.equal(ids(json.destroy), ids(all.slice(-json.destroy.length)), 'the oldest');
  assert.ok(Object.values(reasons).includes('deferred'));
  const forced = await prune({ lab, config }, 'beta', '--force', '--yes');
  assert.equal([forced.exitCode, forced.json.keep.length], [0, 4], 'and the minimum of three');
});

test('the last of a volume that was removed stays until it is unpinned', async (given) => {
  const { lab } = given;
  const gamma = await lab.startAgent({ name: 'gamma' });
  const [older, last] = [await takeAgo(lab, 'gamma', 9), await takeAgo(lab, 'gamma', 8)];
  await lab.docker(['rm', '-f', gamma.container]);
  await removeVolumes(lab, Object.values(gamma.volumes));
  await lab.startAgent({ name: 'gamma' });
  for (const day of [5, 4, 3]) await takeAgo(lab, 'gamma', day);
  const first = await prune(given, 'gamma');
  assert.is(reasonsOf(first.json)[last], 'former-incarnation');
  assert.equal(ids(first.json.destroy), [older]);
  const named = await prune(given, '--id', last, '--yes');
  assert.equal([named.exitCode, reasonsOf(named.json)], [5, { [last]: 'former-incarnation' }]);
  assert.is((await lab.cowherd(['unpin', last])).exitCode, 0);
  assert.equal(ids((await prune(given, 'gamma')).json.destroy), [last]);
});

test('rules that keep nothing are refused, and so are agents beside ids', async ({ lab }) => {
  const config = lab.writeConfig('empty', { retention: { last: 0 } });
  const empty = await refusal(lab, ['prune'], { config });
  assert.equal([empty.exitCode, empty.code], [2, 'POLICY_EMPTY']);
  const both = await refusal(lab, ['prune', 'alpha', '--id', 'alpha@20010101T000000Z', '--yes']);
  assert.equal([both.exitCode, both.code], [2, 'USAGE']);
});

test.run();
