import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import {
  newestFirst,
  nextSnapshotId,
  parseSnapshotId,
  pickSnapshot,
} from '../../../src/model/snapshot-id.ts';

const at = new Date('2026-11-22T11:05:03.987Z');

function point(id: string, createdAt: string, safety = false) {
  return { id, createdAt, safety };
}

const history = [
  point('a@20261122T110503Z', '2026-11-22T11:05:03.100Z'),
  point('a@20261122T110503Z-1', '2026-11-22T11:05:03.900Z'),
  point('a@20261122T120000Z', '2026-11-22T12:00:00.000Z'),
  point('a@20261122T130000Z', '2026-11-22T13:00:00.000Z', true),
];

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof CowherdError) return error.code;
  }
  return 'nothing was thrown';
}

test('an id is the agent and the second, in UTC', () => {
  assert.is(
    nextSnapshotId('alpha', at, () => false),
    'alpha@20261122T110503Z',
  );
});

test('the second of a second gets -1, the next -2', () => {
  const taken = new Set(['alpha@20261122T110503Z', 'alpha@20261122T110503Z-1']);
  assert.is(
    nextSnapshotId('alpha', at, (id) => taken.has(id)),
    'alpha@20261122T110503Z-2',
  );
});

test('every id that is made can be read again', () => {
  const agents = fc.stringMatching(/^[A-Za-z0-9_.-]{1,100}$/);
  const times = fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(agents, times, fc.nat(20), (agent, time, others) => {
      let left = others;
      const parsed = parseSnapshotId(nextSnapshotId(agent, time, () => left-- > 0));
      assert.is(parsed?.agent, agent);
      assert.is(parsed?.ordinal, others);
      assert.is(parsed?.createdAt.getTime(), Math.floor(time.getTime() / 1000) * 1000);
    }),
  );
});

test('names that are not ours are no ids', () => {
  for (const name of [
    'alpha',
    'alpha@2026',
    'a@20261122T110503Z-0',
    'a/b@20261122T110503Z',
    '@20261122T110503Z',
    'a@20261399T110503Z',
  ])
    assert.is(parseSnapshotId(name), null, name);
});

test('newest first, the later taken of one second before the earlier', () => {
  const order = newestFirst([...history].reverse()).map(({ id }) => id);
  assert.equal(order, [
    'a@20261122T130000Z',
    'a@20261122T120000Z',
    'a@20261122T110503Z-1',
    'a@20261122T110503Z',
  ]);
});

function pick(from: typeof history, snapshot: string, now = new Date('2026-11-23T00:00:00Z')) {
  return pickSnapshot(from, { agent: 'a', snapshot, now });
}

test('latest passes over what is from the future, unless there is nothing else', () => {
  const before = (time: string) => pick(history, 'latest', new Date(time)).id;
  assert.is(before('2026-11-22T11:59:01Z'), 'a@20261122T120000Z');
  assert.is(before('2026-11-22T11:58:59Z'), 'a@20261122T110503Z-1');
  assert.is(before('2016-11-22T11:00:00Z'), 'a@20261122T120000Z');
});

test('latest passes over safety snapshots', () => {
  assert.is(pick(history, 'latest').id, 'a@20261122T120000Z');
});

test('a safety snapshot is chosen by its id', () => {
  assert.is(pick(history, 'a@20261122T130000Z').id, 'a@20261122T130000Z');
});

test('a time picks the newest not after it, and includes its whole second', () => {
  assert.is(pick(history, '2026-11-22T11:05:03Z').id, 'a@20261122T110503Z-1');
  assert.is(pick(history, '2026-11-22T11:05:03.500Z').id, 'a@20261122T110503Z');
  assert.is(pick(history, '2026-11-22T14:30:00+01:00').id, 'a@20261122T120000Z');
});

test('a time before the first, an unknown id and an empty history are SNAPSHOT_UNKNOWN', () => {
  for (const wanted of ['2020-01-01T00:00:00Z', 'a@20200101T000000Z', 'yesterday'])
    assert.is(
      codeOf(() => pick(history, wanted)),
      'SNAPSHOT_UNKNOWN',
      wanted,
    );
  assert.is(
    codeOf(() => pick([], 'latest')),
    'SNAPSHOT_UNKNOWN',
  );
});

test('the hint names the nearest id', () => {
  try {
    pick(history, 'a@20261122T120001Z');
    assert.unreachable();
  } catch (error) {
    assert.instance(error, CowherdError);
    assert.match((error as CowherdError).hint, 'a@20261122T120000Z');
  }
});

test.run();
