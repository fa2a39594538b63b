import { CowherdError } from '../model/errors.ts';
import { byTurn } from '../model/snapshot-id.ts';
import { cursorSchema, type PageQuery } from './api-schemas.ts';

/** What a list is ordered by: RFC 3339 time, then id. */
export interface Place {
  readonly at: string;
  readonly id: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins; null on the last. */
  readonly nextCursor: string | null;
}

/**
 * So many of the items, newest first, from a cursor on. What comes or goes between two pages moves nothing else. Throws USAGE for a
 * cursor that is none of ours.
 */
export function pageOf<T>(
  items: readonly T[],
  placeOf: (item: T) => Place,
  { limit, cursor }: PageQuery,
): Page<T> {
  const after = cursor === undefined ? null : decode(cursor);
  const left = items
    .map((item) => ({ item, place: placeOf(item) }))
    .filter(({ place }) => after === null || newestFirst(place, after) > 0)
    .sort((a, b) => newestFirst(a.place, b.place));
  const shown = left.slice(0, limit);
  const last = shown.at(-1);
  const isLast = last === undefined || shown.length === left.length;
  return { items: shown.map(({ item }) => item), nextCursor: isLast ? null : encode(last.place) };
}

function newestFirst(a: Place, b: Place): number {
  return Date.parse(b.at) - Date.parse(a.at) || byTurn(a.id, b.id);
}

function encode({ at, id }: Place): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

function decode(cursor: string): Place {
  try {
    const [at, id] = cursorSchema.parse(
      JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')),
    );
    return { at, id };
  } catch (error) {
    throw new CowherdError('USAGE', 'the cursor is none that this API gave', {
      hint: 'begin without one; each page says in nextCursor where the next begins',
      cause: error,
    });
  }
}
