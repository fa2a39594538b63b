import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { beginCheckpoints, newCheckpointBudget } from '../../../src/usecases/checkpoint-budget.ts';

test('an agent has a thousand databases, and a crowd in one volume takes none from another', () => {
  const shares = (...counts: number[]) =>
    beginCheckpoints(newCheckpointBudget(), () => 0, counts).shares;
  assert.equal(shares(3, 4), [3, 4]);
  assert.equal(shares(600, 600, 10), [600, 390, 10]);
});

test('an agent has a minute, and the run ten that all of them share', () => {
  const budget = newCheckpointBudget();
  let now = 0;
  const take = (ms: number): number => {
    const { budgetMs, done } = beginCheckpoints(budget, () => now, [1]);
    now += ms;
    done();
    return budgetMs;
  };
  assert.is(take(1_000), 60_000);
  for (let agent = 0; agent < 9; agent += 1) assert.is(take(60_000), 60_000);
  assert.is(take(70_000), 59_000);
  assert.is(take(0), 0);
});

test('what agents take side by side is spent once', () => {
  const budget = newCheckpointBudget();
  let now = 1_000;
  const begin = () => beginCheckpoints(budget, () => now, [1]);
  const crowd = Array.from({ length: 30 }, begin);
  now += 30_000;
  for (const { done } of crowd.slice(1)) done();
  const late = begin();
  now += 30_000;
  crowd[0]?.done();
  late.done();
  now += 60_000;
  for (let agent = 0; agent < 8; agent += 1) {
    const { budgetMs, done } = begin();
    assert.is(budgetMs, 60_000);
    now += 60_000;
    done();
  }
  const last = begin();
  now += 45_000;
  assert.equal([last.budgetMs, begin().budgetMs], [60_000, 15_000]);
});

test.run();
