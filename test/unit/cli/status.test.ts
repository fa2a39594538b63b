import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { statusOf } from '../../../src/cli/status.ts';
import type { ErrorCode } from '../../../src/model/errors.ts';

const failed = (...codes: ErrorCode[]) => codes.map((code) => ({ code }));

test('no failure is 0, also when there was nothing to do', () => {
  assert.is(statusOf([], 3), 0);
  assert.is(statusOf([], 0), 0);
});

test('some done and others failed, or locked, is 3', () => {
  assert.is(statusOf(failed('TOOL_FAILED'), 1), 3);
  assert.is(statusOf(failed('LOCKED'), 1), 3);
});

test('when all failed alike it is their own status', () => {
  assert.is(statusOf(failed('LOCKED'), 0), 4);
  assert.is(statusOf(failed('OTHER_USERS', 'AUTOREMOVE_USER'), 0), 5);
  assert.is(statusOf(failed('TIER_UNSUPPORTED', 'NO_SPACE'), 0), 1);
});

test('when all failed differently it is 1', () => {
  assert.is(statusOf(failed('LOCKED', 'TOOL_FAILED'), 0), 1);
});

test('an interruption is one whatever else was done', () => {
  assert.is(statusOf(failed('TOOL_FAILED', 'INTERRUPTED'), 5), 130);
});

test.run();
