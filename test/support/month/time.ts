interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** A time that passes only when everybody waits for it, and a clock on the wall that may be wrong. */
export interface Time {
  /** True milliseconds of the epoch. */
  readonly trueMs: () => number;
  /** What the clock shows. */
  readonly now: () => Date;
  /** Sets the clock so far ahead of the true time. */
  readonly setClock: (aheadMs: number) => void;
  /** How often the clock was put back. */
  readonly era: () => number;
  /** How far the clock was ahead all the time between two true times; null where it was set meanwhile. */
  readonly aheadFor: (fromMs: number, toMs: number) => number | null;
  /** How far it was put back between two true times. */
  readonly putBack: (fromMs: number, toMs: number) => number;
  readonly at: (trueMs: number, fire: () => void) => void;
  readonly sleep: (ms: number) => Promise<void>;
  /** Real work (files), in which no time passes. */
  readonly real: <T>(work: () => Promise<T>) => Promise<T>;
  /** Work within `real` in which time passes. */
  readonly simulated: <T>(work: () => Promise<T>) => Promise<T>;
  readonly runUntil: (trueMs: number) => Promise<void>;
}

export function createTime(startMs: number): Time {
  const timers: Timer[] = [];
  const sets: [atMs: number, aheadMs: number][] = [[-Infinity, 0]];
  let [trueMs, aheadMs, era, busy] = [startMs, 0, 0, 0];
  const at = (atMs: number, fire: () => void): void => {
    let index = timers.length;
    while (index > 0 && (timers[index - 1]?.atMs ?? 0) <= atMs) index -= 1;
    timers.splice(index, 0, { atMs, fire });
  };
  const counted = async <T>(by: 1 | -1, work: () => Promise<T>): Promise<T> => {
    busy += by;
    try {
      return await work();
    } finally {
      busy -= by;
    }
  };
  return {
    ...{ at, trueMs: () => trueMs, era: () => era, now: () => new Date(trueMs + aheadMs) },
    setClock: (ms) => {
      if (ms < aheadMs) era += 1;
      aheadMs = ms;
      sets.push([trueMs, ms]);
    },
    aheadFor: (fromMs, toMs) => {
      if (sets.some(([atMs]) => atMs > fromMs && atMs <= toMs)) return null;
      return sets.findLast(([atMs]) => atMs <= fromMs)?.[1] ?? 0;
    },
    putBack: (fromMs, toMs) =>
      sets.reduce((sum, [atMs, ms], index) => {
        const backMs = (sets[index - 1]?.[1] ?? 0) - ms;
        return atMs > fromMs && atMs <= toMs ? sum + Math.max(0, backMs) : sum;
      }, 0),
    sleep: async (ms) => new Promise((resolve) => at(trueMs + ms, resolve)),
    real: async (work) => counted(1, work),
    simulated: async (work) => counted(-1, work),
    runUntil: async (untilMs) => {
      for (;;) {
        do await new Promise((resolve) => void setImmediate(resolve));
        while (busy > 0);
        const next = timers.at(-1);
        if (next === undefined || next.atMs > untilMs) break;
        timers.pop();
        trueMs = Math.max(trueMs, next.atMs);
        next.fire();
      }
      trueMs = untilMs;
    },
  };
}
