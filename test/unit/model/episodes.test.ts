import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { delivered, noticesFor, observed, type Channel } from '../../../src/model/episodes.ts';
import { problem, taken } from '../../support/notify/taken.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const only: readonly Channel[] = ['webhook'];

test('an episode is told once, and its end once', () => {
  const { log, episodes } = taken(
    [
      { nowMs: 0, present: ['a'] },
      { nowMs: MINUTE, present: ['a'] },
      { nowMs: 2 * MINUTE, present: [] },
      { nowMs: 3 * MINUTE, present: [] },
    ],
    only,
  );
  assert.equal(log, [['webhook failure a'], [], ['webhook recovery a'], []]);
  assert.equal(episodes, []);
});

test('what is overdue is told as such', () => {
  const overdue = problem('overdue:alpha', { kind: 'overdue', code: 'OVERDUE' });
  const episodes = observed([], { problems: [overdue], isOver: () => true }, 5);
  assert.equal(noticesFor(episodes, 'webhook', 7), [{ ...overdue, sinceMs: 5, atMs: 7 }]);
});

test('while it lasts it is recalled once a day', () => {
  const hours = Array.from({ length: 49 }, (_, hour) => ({
    nowMs: (hour * DAY) / 24,
    present: ['a'],
  }));
  const { log } = taken(hours, only);
  const told = log.flatMap((lines, hour) => lines.map((line) => `${hour} ${line}`));
  assert.equal(told, ['0 webhook failure a', '24 webhook reminder a', '48 webhook reminder a']);
});

test('a problem that a pass cannot see has not ended', () => {
  const { log } = taken(
    [
      { nowMs: 0, present: ['a'] },
      { nowMs: 1, present: [], looked: [] },
      { nowMs: 2, present: ['a'] },
      { nowMs: 3, present: [], looked: ['a'] },
    ],
    only,
  );
  assert.equal(log, [['webhook failure a'], [], [], ['webhook recovery a']]);
});

test('a problem that is there twice in a pass is told once, as it was first', () => {
  const twice = [problem('a'), problem('a', { message: 'and this' })];
  const episodes = observed([], { problems: twice, isOver: () => true }, 0);
  const messages = noticesFor(episodes, 'webhook', 0).map(({ message }) => message);
  assert.equal(messages, ['it broke']);
});

test('a channel that failed is told again, and it alone', () => {
  const { log } = taken([
    { nowMs: 0, present: ['a'], taking: ['command'] },
    { nowMs: 1, present: ['a'], taking: ['command'] },
    { nowMs: 2, present: ['a'] },
    { nowMs: 3, present: [], taking: ['webhook'] },
    { nowMs: 4, present: [] },
    { nowMs: 5, present: [] },
  ]);
  assert.equal(log, [
    ['command failure a'],
    [],
    ['webhook failure a'],
    ['webhook recovery a'],
    ['command recovery a'],
    [],
  ]);
});

test('what a channel was not told while it lasted it is told when it is over', () => {
  const episodes = observed([], { problems: [problem('a')], isOver: () => true }, 5);
  const ended = observed(episodes, { problems: [], isOver: () => true }, 9);
  const [notice] = noticesFor(ended, 'webhook', 9);
  const { kind, message, sinceMs } = notice!;
  assert.equal(
    { kind, message, sinceMs },
    { kind: 'recovery', message: 'over: it broke', sinceMs: 5 },
  );
});

test('what comes back before a channel knew of its end goes on for that channel', () => {
  const { log } = taken([
    { nowMs: 0, present: ['a'] },
    { nowMs: 1, present: [], taking: ['webhook'] },
    { nowMs: 2, present: ['a'] },
  ]);
  assert.equal(log[2], ['webhook failure a']);
});

test('a problem that is back while its end is being told is told anew', () => {
  const [now, later] = [0, 1];
  const there = { problems: [problem('a')], isOver: () => true };
  let episodes = observed([], there, now);
  episodes = delivered(episodes, noticesFor(episodes, 'webhook', now)[0]!, {
    ...{ channel: 'webhook', nowMs: now },
  });
  episodes = observed(episodes, { problems: [], isOver: () => true }, later);
  const [recovery] = noticesFor(episodes, 'webhook', later);
  episodes = observed(episodes, there, later);
  episodes = delivered(episodes, recovery!, { channel: 'webhook', nowMs: later });
  assert.equal(
    noticesFor(episodes, 'webhook', later).map(({ kind }) => kind),
    ['failure'],
  );
});

test('a clock that jumps ahead recalls once, and goes on by its new time when it is put back', () => {
  const { log } = taken(
    [
      { nowMs: 0, present: ['a'] },
      { nowMs: 4000 * DAY, present: ['a'] },
      { nowMs: 4000 * DAY + MINUTE, present: ['a'] },
      { nowMs: MINUTE, present: ['a'] },
      { nowMs: 2 * MINUTE, present: ['a'] },
      { nowMs: MINUTE + DAY, present: ['a'] },
    ],
    only,
  );
  const kinds = log.map((lines) => lines.map((line) => line.split(' ')[1]).join());
  assert.equal(kinds, ['failure', 'reminder', '', '', '', 'reminder']);
});

test.run();
