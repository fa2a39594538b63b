import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { recoveryDirection } from '../../../src/model/transaction.ts';

test('a swap that was not finished goes back, whatever lies in place', () => {
  for (const phase of ['preparing', 'stopping', 'swapping'] as const)
    for (const place of ['old', 'new', 'unmounted', 'none', 'foreign'] as const)
      assert.is(recoveryDirection({ phase }, [place]), 'revert', `${phase} ${place}`);
});

test('a finished swap goes on only when all new data is in place', () => {
  assert.is(recoveryDirection({ phase: 'swapped' }, ['new', 'new']), 'finish');
  assert.is(recoveryDirection({ phase: 'swapped' }, ['new', 'unmounted']), 'finish');
  assert.is(recoveryDirection({ phase: 'swapped' }, ['new', 'old']), 'revert');
  assert.is(recoveryDirection({ phase: 'swapped' }, ['new', 'none']), 'revert');
});

test('a revert is never turned around, a commit never undone', () => {
  assert.is(recoveryDirection({ phase: 'reverting' }, ['new', 'new']), 'revert');
  assert.is(recoveryDirection({ phase: 'committed' }, ['new', 'new']), 'finish');
});

test.run();
