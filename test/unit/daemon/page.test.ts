import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { pageOf, type Place } from '../../../src/daemon/page.ts';
import { toCowherdError } from '../../../src/model/errors.ts';

const second = (nth: number): string => new Date(Date.UTC(2026, 10, 22, 11, 5, nth)).toISOString();
const point = (nth: number, ordinal = 0): Place => ({
  at: second(nth),
  id: `alpha@20261122T1105${String(nth).padStart(2, '0')}Z${ordinal === 0 ? '' : `-${ordinal}`}`,
});
const itself = (place: Place): Place => place;

function allPages(items: readonly Place[], limit: number): readonly (readonly Place[])[] {
  const pages: (readonly Place[])[] = [];
  let cursor: string | undefined;
  do {
    const page = pageOf(items, itself, { limit, cursor });
    pages.push(page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && pages.length < 100);
  return pages;
}

test('pages hold each once, newest first, whatever the order was', () => {
  const items = Array.from({ length: 25 }, (_, nth) => point((nth * 7) % 25));
  const pages = allPages(items, 10);
  assert.equal(
    pages.map((page) => page.length),
    [10, 10, 5],
  );
  const newest = Array.from({ length: 25 }, (_, nth) => point(24 - nth));
  assert.equal(pages.flat(), newest);
});

test('a page that is just full is the last', () => {
  const page = pageOf([point(1), point(2)], itself, { limit: 2, cursor: undefined });
  assert.equal(page, { items: [point(2), point(1)], nextCursor: null });
  assert.equal(allPages([], 5), [[]]);
});

test('those of one time are apart: the later taken first', () => {
  const items = Array.from({ length: 12 }, (_, ordinal) => point(1, ordinal));
  assert.equal(allPages(items, 5).flat(), items.toReversed());
});

test('what comes or goes between two pages moves nothing else, be it the last that was shown', () => {
  const items = Array.from({ length: 10 }, (_, nth) => point(nth));
  const { nextCursor } = pageOf(items, itself, { limit: 3, cursor: undefined });
  const later = [...items.filter((item) => item !== items[7]), point(30)];
  const next = pageOf(later, itself, { limit: 3, cursor: nextCursor ?? '' });
  assert.equal(next.items, [point(6), point(5), point(4)]);
});

test('a cursor that is none of ours is refused', () => {
  const made = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const cursor of ['x', '%%%', made({}), made(['yesterday', 'a']), made([second(1)])]) {
    try {
      pageOf([point(1)], itself, { limit: 1, cursor });
      assert.unreachable(cursor);
    } catch (error) {
      assert.is(toCowherdError(error).code, 'USAGE', cursor);
    }
  }
});

test.run();
