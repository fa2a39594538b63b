import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseRecord } from '../../../src/storage/record-schema.ts';

const tree = { kind: 'directory', guid: '257' };
const volume = { name: 'v', fsId: 'f', pathInFs: '/volumes/v/_data', old: tree, new: tree };
const record = {
  ...{ format: 1, id: '1-1-abc', kind: 'rollback', agent: 'a', phase: 'swapping' },
  ...{ createdAt: '2026-11-22T11:05:03Z', snapshot: null, safety: null, start: true },
  ...{ volumes: [volume], containers: [], dependents: [] },
};
const parsed = (over: object) => parseRecord(JSON.stringify({ ...record, ...over })) !== null;

test('a record names places in its filesystem, and nothing outside', () => {
  assert.ok(parsed({}));
  assert.ok(parsed({ volumes: [{ ...volume, pathInFs: '/' }] }));
  for (const pathInFs of ['/../etc', '/a/../../b', 'a', '', '/a//b', '/a/./b'])
    assert.not(parsed({ volumes: [{ ...volume, pathInFs }] }), pathInFs);
});

test('its id is a file name', () => {
  for (const id of ['../x', 'a/b', '..', '']) assert.not(parsed({ id }), id);
});

test('a capture that stops containers has one too, and nobody knows other kinds', () => {
  assert.ok(parsed({ kind: 'capture' }));
  assert.not(parsed({ kind: 'other' }));
});

test.run();
