import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { lastOfFormer, type Incarnated } from '../../../src/model/incarnations.ts';

/** A restore point of volumes `NAME INCARNATION`; without the second nobody can tell. */
function point(id: string, volumes: readonly string[], over: Partial<Incarnated> = {}): Incarnated {
  return {
    ...{ id, safety: false, unpinned: false },
    volumes: volumes.map((text) => {
      const [name = '', directory = null] = text.split(' ');
      return { name, incarnation: { createdAt: null, sourceGuid: '', directory } };
    }),
    ...over,
  };
}

const former = (points: readonly Incarnated[], current: Record<string, string | null>) => [
  ...lastOfFormer(points, new Map(Object.entries(current))),
];

test('nothing of volumes that are what they were', () => {
  const points = [point('3', ['w 1', 'p 1']), point('2', ['w 1']), point('1', ['w 1', 'p 1'])];
  assert.equal(former(points, { w: '1', p: '1' }), []);
});

test('the last of each former incarnation, of each volume', () => {
  const points = [
    ...[point('6', ['w 3', 'p 1']), point('5', ['w 2', 'p 1']), point('4', ['w 2', 'p 1'])],
    ...[point('3', ['w 1', 'p 0']), point('2', ['w 1', 'p 0']), point('1', ['w 1'])],
  ];
  assert.equal(former(points, { w: '3', p: '1' }), ['5', '3']);
});

test('a volume that is gone has former ones alone', () => {
  assert.equal(former([point('2', ['w 1']), point('1', ['w 1'])], {}), ['2']);
});

test('what cannot be told apart is none', () => {
  assert.equal(former([point('2', ['w']), point('1', ['w'])], {}), []);
  const points = [point('3', ['w 2']), point('2', ['w 1']), point('1', ['w 1'])];
  assert.equal(former(points, { w: null }), ['2'], 'the one captured last is taken for what is');
});

test('safety snapshots are passed over, an unpinned one ends it', () => {
  const points = (over: Partial<Incarnated>) => [
    ...[point('3', ['w 2']), point('2', ['w 1'], over), point('1', ['w 1'])],
  ];
  assert.equal(former(points({ safety: true }), { w: '2' }), ['1']);
  assert.equal(former(points({ unpinned: true }), { w: '2' }), []);
});

test.run();
