import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { isGlob, matchesGlob } from '../../../src/model/globs.ts';
import { editDistance, nearest } from '../../../src/model/nearest.ts';

test('stars and question marks are wildcards, all else stands for itself', () => {
  assert.ok(matchesGlob('scratch-1', 'scratch-*'));
  assert.ok(matchesGlob('a.b', 'a.?'));
  assert.ok(matchesGlob('', '*'));
  assert.not.ok(matchesGlob('axb', 'a.b'));
  assert.not.ok(matchesGlob('prefix-a', 'a'));
  assert.ok(matchesGlob('a(b)[c]{d}^$|+\\', 'a(b)[c]{d}^$|+\\'));
  assert.ok(isGlob('a?'));
  assert.not.ok(isGlob('[a]'));
});

test('the nearest name is one that differs little', () => {
  assert.is(editDistance('kitten', 'sitting'), 3);
  assert.is(nearest('retenton', ['retention', 'quiesce']), 'retention');
  assert.is(nearest('xyz', ['retention', 'quiesce']), null);
});

test.run();
