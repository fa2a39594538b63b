import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Command, Ended, Point, Said, Verb } from '../support/herd/history.ts';
import { strayed, torn, wrongRollbacks } from '../support/herd/lives.ts';
import { isCut, parseBirths, type Birth } from '../support/herd/marks.ts';
import { wrongOutcomes } from '../support/herd/outcomes.ts';
import { wrongPoints } from '../support/herd/points.ts';

const A = 'alpha@20261122T110503Z';
const B = 'alpha@20261122T110504Z';

function ended(
  verb: Verb,
  [from, to]: readonly [number, number],
  over: Partial<Ended> = {},
): Ended {
  const command: Command = { verb, agents: ['alpha'], id: null, pin: false, waitMs: 0 };
  const times = { beganAt: from * 10_000, endedAt: to * 10_000 };
  return { ...command, ...times, killed: false, exitCode: 0, said: {}, ...over };
}

function point(id: string, over: Partial<Point> = {}): Point {
  const createdAt = `2026-11-22T11:05:0${id.at(-2) ?? ''}.000Z`;
  return { id, agent: 'alpha', createdAt, safety: false, pinned: false, ...over };
}

const made = (id: string, from: number, pin = false): Ended =>
  ended('snapshot', [from, from + 1], { pin, said: { snapshots: [point(id, { pinned: pin })] } });
const prune = (id: string, from: number): Ended =>
  ended('prune', [from, from + 1], { id, said: { destroy: [{ id }] } });
const list = (from: number, ...snapshots: Point[]): Ended =>
  ended('snapshots', [from, from + 1], { agents: [], said: { snapshots } });
const failed = (
  verb: Verb,
  from: number,
  code: 'LOCKED' | 'SNAPSHOT_UNKNOWN' | 'REVERTED',
): Ended =>
  ended(verb, [from, from + 1], {
    id: A,
    exitCode: { LOCKED: 4, SNAPSHOT_UNKNOWN: 2, REVERTED: 7 }[code],
    said: { failures: [{ agent: 'alpha', code }] },
  });

const shares = (one: string, other: string) => one === other;

test('a restore point is listed until it is pruned', () => {
  assert.equal(wrongPoints([made(A, 1), list(3, point(A))]), []);
  assert.is(wrongPoints([made(A, 1), list(3)]).length, 1);
  assert.equal(wrongPoints([made(A, 1), made(B, 3), prune(A, 5), list(7, point(B))]), []);
  const still = [made(A, 1), made(B, 3), prune(A, 5), list(7, point(A), point(B))];
  assert.is(wrongPoints(still).length, 1);
});

test('a listing at the time of a prune or a snapshot may have it or not', () => {
  for (const seen of [[], [point(A)]])
    assert.equal(wrongPoints([made(B, 0), made(A, 1), list(1.5, point(B), ...seen)]), []);
});

test('an id is made once, and nothing is listed that nobody made', () => {
  assert.is(wrongPoints([made(A, 1), made(A, 3)]).length, 1);
  assert.is(wrongPoints([list(1, point(A))]).length, 1);
  const killed = ended('snapshot', [0, 1], { killed: true, exitCode: 137 });
  assert.equal(wrongPoints([killed, list(2, point(A))]), []);
});

test('what is pinned is not pruned, and is listed as pinned', () => {
  const pin = ended('pin', [3, 4], { id: A });
  const unpin = ended('unpin', [5, 6], { id: A });
  const both = [made(A, 1), made(B, 2)];
  assert.is(wrongPoints([...both, pin, prune(A, 7)]).length, 1);
  assert.equal(wrongPoints([...both, pin, unpin, prune(A, 7)]), []);
  assert.is(wrongPoints([made(A, 1), pin, list(7, point(A))]).length, 1);
  assert.is(wrongPoints([made(A, 1), pin, unpin, list(7, point(A, { pinned: true }))]).length, 1);
  const killed = ended('prune', [7, 8], { id: A, killed: true, exitCode: 137 });
  assert.is(wrongPoints([...both, pin, killed, list(9, point(B))]).length, 1);
});

test('neither a safety snapshot nor the newest is pruned', () => {
  const safety = ended('rollback', [1, 2], { said: { outcome: 'rolled-back', safety: A } });
  assert.is(wrongPoints([made(B, 0), safety, prune(A, 3)]).length, 1);
  assert.is(wrongPoints([made(A, 1), made(B, 3), prune(B, 5)]).length, 1);
});

test('LOCKED needs somebody who holds the lock meanwhile', () => {
  const locked = failed('snapshot', 1, 'LOCKED');
  assert.is(wrongOutcomes([locked], shares).length, 1);
  assert.equal(wrongOutcomes([locked, made(A, 1.5)], shares), []);
  const other = ended('snapshot', [1, 2], { agents: ['beta'] });
  assert.is(wrongOutcomes([locked, other], shares).length, 1);
  assert.is(wrongOutcomes([{ ...locked, waitMs: 60_000 }, made(A, 1.5)], shares).length, 1);
});

test('every other failure needs its reason, and its own status', () => {
  assert.is(wrongOutcomes([failed('pin', 3, 'SNAPSHOT_UNKNOWN')], shares).length, 1);
  assert.equal(wrongOutcomes([prune(A, 1), failed('pin', 3, 'SNAPSHOT_UNKNOWN')], shares), []);
  assert.is(wrongOutcomes([failed('rollback', 3, 'REVERTED')], shares).length, 1);
  assert.is(wrongOutcomes([ended('recover', [1, 2], { exitCode: 1 })], shares).length, 1);
});

const mark = (n: number, life: string, before = life) =>
  `${String(n).padStart(10, '0')} ${life} ${before}`;

test('a cut is one moment of one life', () => {
  const [old, next] = [mark(4, 'x'), mark(5, 'x')];
  assert.ok(isCut([old, old, old]) && isCut([next, old, old]) && isCut([next, next, old]));
  assert.ok(isCut([mark(5, 'y', 'x'), old, old]) && isCut(['', '', '']));
  assert.not(isCut([old, next, next]));
  assert.not(isCut([mark(6, 'x'), old, old]));
  assert.not(isCut([mark(4, 'y'), old, old]));
  assert.not(isCut([mark(5, 'z', 'y'), old, old]));
  assert.not(isCut([mark(6, 'x'), next, old]));
  assert.not(isCut([old, old, '']));
});

test('a rollback is over when its agent has found the data of the restore point', () => {
  const said: Said = { outcome: 'rolled-back', snapshot: A };
  const one = ended('rollback', [1, 2], { said });
  const found = [mark(4, 'x'), mark(4, 'x'), mark(4, 'x')] as const;
  const birth: Birth = { agent: 'alpha', at: 15_000, life: 'y', found };
  const images = new Map([[A, found]]);
  assert.equal(wrongRollbacks([one], images, [birth]), []);
  assert.is(wrongRollbacks([one], images, [{ ...birth, at: 25_000 }]).length, 1);
  const other = [mark(5, 'x'), mark(4, 'x'), mark(4, 'x')] as const;
  assert.is(wrongRollbacks([one], images, [{ ...birth, found: other }]).length, 1);
  assert.is(torn(new Map([[A, [mark(4, 'x'), mark(5, 'x'), '']]]), []).length, 1);
});

test('a start goes on with the life before, unless there is a rollback', () => {
  const found = (life: string) => [mark(4, life), mark(4, life), mark(4, life)] as const;
  const births: readonly Birth[] = [
    { agent: 'alpha', at: 5_000, life: 'x', found: ['', '', ''] },
    { agent: 'alpha', at: 15_000, life: 'y', found: found('w') },
  ];
  assert.is(strayed([], births).length, 1);
  assert.equal(strayed([ended('rollback', [1, 2])], births), []);
  assert.is(strayed([ended('rollback', [0, 1])], births).length, 1);
});

test("starts are read from Docker's log", () => {
  const at = '2026-11-22T11:05:03.5Z';
  const line = `${at} born x|${mark(1, 'y')}|${mark(1, 'y')}|${mark(1, 'y')}`;
  const [birth] = parseBirths('alpha', `noise\n${line}\n`);
  assert.equal([birth?.at, birth?.life, birth?.found[2]], [Date.parse(at), 'x', mark(1, 'y')]);
});

test.run();
