import * as assert from 'uvu/assert';
import {
  isSuspended,
  suspendedAmong,
  suspendedPool,
} from '../../../../src/storage/zfs/suspended.ts';
import { test } from '../../../support/suite.ts';

const POOLS = 'tank\tSUSPENDED\nother\tONLINE\n';

test('who waits for a suspended pool, by its name or by what lies in it, is told which', () => {
  for (const words of [['sync', 'tank'], ['snapshot', '--', 'other/b@x', 'tank/a@x'], ['tank@x']])
    assert.is(suspendedAmong(words, POOLS), 'tank');
});

test('who waits for another pool waits on', () => {
  for (const words of [['sync', 'other'], ['get', '-o', 'name', 'tanker/a'], ['version'], []])
    assert.is(suspendedAmong(words, POOLS), null);
  for (const listing of ['', 'tank\tONLINE\n', 'tank\tDEGRADED\n'])
    assert.is(suspendedAmong(['sync', 'tank'], listing), null);
});

test('it is IO_ERROR, and zpool status and zpool clear go on from there', () => {
  const error = suspendedPool('tank');
  assert.is(error.code, 'IO_ERROR');
  assert.match(error.message, 'tank is suspended');
  assert.match(error.hint, /zpool status.*zpool clear/);
  assert.ok(isSuspended(error));
  assert.not.ok(isSuspended(new Error('tank is suspended')));
});

test.run();
