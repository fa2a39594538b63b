/** A number of places that any number of callers share. */
export interface Slots {
  /** Waits for a place; the answer gives it back, once. First come, first served. */
  readonly take: () => Promise<() => void>;
}

export function makeSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  const giveBack = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const take = async (): Promise<() => void> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return giveBack;
  };
  return { take };
}
