/**
 * `work` for calls that come at about the same time: what was asked within `withinMs` of the first is one call of it, whose
 * results are in the order of the items. When that fails each call is made by itself, so that one fails nobody else's.
 */
export function batched<T, R>(
  work: (items: readonly T[]) => Promise<readonly R[]>,
  withinMs: number,
): (items: readonly T[]) => Promise<readonly R[]> {
  interface Call {
    readonly items: readonly T[];
    readonly settle: (results: Promise<readonly R[]>) => void;
  }
  let waiting: Call[] = [];
  const begin = (): void => {
    const calls = waiting;
    waiting = [];
    const all = work(calls.flatMap(({ items }) => items));
    let at = 0;
    for (const { items, settle } of calls) {
      const from = at;
      at += items.length;
      const own = all.then((results) => results.slice(from, from + items.length));
      settle(calls.length === 1 ? own : own.catch(async () => work(items)));
    }
  };
  return async (items) => {
    if (waiting.length === 0) setTimeout(begin, withinMs);
    return new Promise((settle) => {
      waiting.push({ items, settle });
    });
  };
}
