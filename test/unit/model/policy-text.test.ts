import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import { parsePolicy } from '../../../src/model/policy-text.ts';

function codeOf(text: string): string {
  try {
    parsePolicy(text);
  } catch (error) {
    if (error instanceof CowherdError && error.hint !== '') return error.code;
    throw error;
  }
  return 'accepted';
}

test('rules are read with their counts and durations', () => {
  assert.equal(parsePolicy('last=8, hourly=24,daily=-1,within=2h,withinDaily=1y1d1m'), {
    counts: { last: 8, hourly: 24, daily: -1 },
    within: {
      within: { years: 0, months: 0, days: 0, hours: 2 },
      withinDaily: { years: 1, months: 1, days: 1, hours: 0 },
    },
    tags: [],
  });
});

test('a policy that keeps nothing is refused', () => {
  for (const text of ['', ' ', ',', 'last=0', 'last=0,within=0h'])
    assert.is(codeOf(text), 'POLICY_EMPTY', text);
});

test('what is no policy is refused', () => {
  const wrong = ['last', 'last=', 'last=-2', 'last=1.5', 'last=1e3', 'last=99999999999999999999'];
  const others = ['within=2', 'within=2w', 'dayly=3', 'tags=a', 'last=1,last=2', 'last=1=2', '=1'];
  for (const text of [...wrong, ...others]) assert.is(codeOf(text), 'USAGE', text);
});

test.run();
