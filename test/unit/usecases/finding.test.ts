import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { finding, needsPerson, someOf, worstFirst } from '../../../src/usecases/finding.ts';

const info = finding('NOT_ISOLATED', 'info', { agent: 'alpha', message: 'plain' });
const warn = finding('NEVER_CAPTURED', 'warn', { agent: 'alpha', message: 'never' });
const error = finding('SWAPFILE', 'error', { agent: 'alpha', message: 'busy' });
const host = finding('LOW_SPACE', 'warn', { message: 'full' });

test('what a finding does not say is null', () => {
  assert.equal(host, {
    code: 'LOW_SPACE',
    severity: 'warn',
    agent: null,
    volume: null,
    message: 'full',
    mend: null,
  });
});

test('a warning or an error needs a person, information does not', () => {
  assert.is(needsPerson([]), false);
  assert.is(needsPerson([info, info]), false);
  assert.is(needsPerson([info, warn]), true);
  assert.is(needsPerson([error]), true);
});

test('the worst come first, and the host before its agents', () => {
  assert.equal(worstFirst([info, warn, host, error]), [error, host, warn, info]);
});

test('long lists are cut', () => {
  assert.is(someOf(['a', 'b', 'c']), 'a, b, c');
  assert.is(someOf(['a', 'b', 'c', 'd', 'e']), 'a, b, c and 2 more');
});

test.run();
