import { compareEntries, type IndexEntry } from './index-entry.ts';

/** What two listings have by one name; one of them may have none. */
export interface Pair {
  readonly left: IndexEntry | null;
  readonly right: IndexEntry | null;
}

/** Goes through two listings, both in their order, name by name. */
export async function* merged(
  left: AsyncGenerator<IndexEntry, void>,
  right: AsyncGenerator<IndexEntry, void>,
): AsyncGenerator<Pair, void> {
  try {
    let [a, b] = [await next(left), await next(right)];
    while (a !== null || b !== null) {
      const order = orderOf(a, b);
      yield { left: order <= 0 ? a : null, right: order >= 0 ? b : null };
      if (order <= 0) a = await next(left);
      if (order >= 0) b = await next(right);
    }
  } finally {
    await left.return();
    await right.return();
  }
}

async function next(source: AsyncGenerator<IndexEntry, void>): Promise<IndexEntry | null> {
  const result = await source.next();
  return result.done === true ? null : result.value;
}

function orderOf(a: IndexEntry | null, b: IndexEntry | null): number {
  if (a === null) return 1;
  return b === null ? -1 : compareEntries(a, b);
}
