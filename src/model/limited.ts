/** Maps in order of the items with at most `limit` at work at once. `work` must not throw. */
export async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}

/** Does work as soon as there is a slot for it; gives what the work gives, and throws as it does. */
export type Slots = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * So many slots for all who want one, whoever comes first: who asks for few at once, as `mapLimited` does, keeps nobody waiting
 * for longer than these few take. Work in a slot must not ask for another.
 */
export function createSlots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
