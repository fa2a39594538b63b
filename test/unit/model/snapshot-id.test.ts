import fc from 'fast-check';
import { test } from 'uvu';
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

test('latest passes over safety snapshots', () => {
  assert.is(pickSnapshot(history, 'latest', 'a').id, 'a@20261122T120000Z');
});

test('a safety snapshot is chosen by its id', () => {
  assert.is(pickSnapshot(history, 'a@20261122T130000Z', 'a').id, 'a@20261122T130000Z');
});

test('a time picks the newest not after it, and includes its whole second', () => {
  assert.is(pickSnapshot(history, '2026-11-22T11:05:03Z', 'a').id, 'a@20261122T110503Z-1');
  assert.is(pickSnapshot(history, '2026-11-22T11:05:03.500Z', 'a').id, 'a@20261122T110503Z');
  assert.is(pickSnapshot(history, '2026-11-22T14:30:00+01:00', 'a').id, 'a@20261122T120000Z');
});

test('a time before the first, an unknown id and an empty history are SNAPSHOT_UNKNOWN', () => {
  for (const wanted of ['2020-01-01T00:00:00Z', 'a@20200101T000000Z', 'yesterday'])
    assert.is(
      codeOf(() => pickSnapshot(history, wanted, 'a')),
      'SNAPSHOT_UNKNOWN',
      wanted,
    );
  assert.is(
    codeOf(() => pickSnapshot([], 'latest', 'a')),
    'SNAPSHOT_UNKNOWN',
  );
});

test('the hint names the nearest id', () => {
  try {
    pickSnapshot(history, 'a@20261122T120001Z', 'a');
    assert.unreachable();
  } catch (error) {
    assert.instance(error, CowherdError);
    assert.match((error as CowherdError).hint, 'a@20261122T120000Z');
  }
});

test.run();
