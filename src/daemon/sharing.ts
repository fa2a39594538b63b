/** A result that was begun longer ago is given to nobody who asks now. */
const FRESH_MS = 2000;

export type Gate = <T>(work: () => Promise<T>) => Promise<T>;

/** Lets so many works run at once; the others wait, in their order. */
export function createGate(atOnce: number): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

export interface SharingOptions {
  readonly gate: Gate;
  /** Monotonic milliseconds. */
  readonly ticks: () => number;
}

export type Share<T> = (key: string, make: () => Promise<T>) => Promise<T>;

interface Flight<T> {
  /** Infinity until it begins. */
  startedAt: number;
  result: Promise<T>;
}

/**
 * One computation at a time of each key, for all who ask while it is not two seconds old; who asks later gets the next, which begins
 * when this one has ended. Nothing is kept.
 */
export function createSharing<T>({ gate, ticks }: SharingOptions): Share<T> {
  const newest = new Map<string, Flight<T>>();
  return (key, make) => {
    const before = newest.get(key);
    if (before !== undefined && ticks() - before.startedAt <= FRESH_MS) return before.result;
    const begin = async (): Promise<T> => {
      await before?.result.catch(() => undefined);
      return gate(() => {
        flight.startedAt = ticks();
        return make();
      });
    };
    const flight: Flight<T> = { startedAt: Infinity, result: Promise.resolve().then(begin) };
    newest.set(key, flight);
    const forget = (): void => {
      if (newest.get(key) === flight) newest.delete(key);
    };
    flight.result.then(forget, forget);
    return flight.result;
  };
}
