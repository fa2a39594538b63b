import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { clockFindings, isBelow } from '../../../src/usecases/store-findings.ts';
import { restorePoint } from '../../support/placed.ts';

test('space is low below a part of the whole, or below so many bytes', () => {
  const space = { freeBytes: 10, sizeBytes: 100 };
  assert.is(isBelow(space, { kind: 'percent', percent: 10 }), false);
  assert.is(isBelow(space, { kind: 'percent', percent: 10.5 }), true);
  assert.is(isBelow(space, { kind: 'bytes', bytes: 10 }), false);
  assert.is(isBelow(space, { kind: 'bytes', bytes: 11 }), true);
});

test('a restore point from the future makes the clock suspect', () => {
  const points = [restorePoint('alpha', [])];
  assert.equal(clockFindings(points, new Date('2026-11-22T11:04:30Z')), []);
  assert.equal(clockFindings([], new Date(0)), []);
  const [finding] = clockFindings(points, new Date('2026-11-22T11:00:00Z'));
  assert.is(finding?.code, 'CLOCK_SUSPECT');
  assert.is(finding?.severity, 'warn');
});

test('whichever of them it is', () => {
  const ahead = restorePoint('alpha', [], { id: 'alpha@ahead', createdAt: '2031-01-01T00:00:00Z' });
  for (const points of [
    [ahead, restorePoint('beta', [])],
    [restorePoint('beta', []), ahead],
  ]) {
    const [finding] = clockFindings(points, new Date('2026-11-23T00:00:00Z'));
    assert.match(finding?.message ?? '', 'alpha@ahead');
  }
});

test.run();
