import { takeLocks, type Lockable, type Locks } from './locks.ts';

/** What the parts of one run take by turns, and other runs between them. */
export interface Turns {
  /** Waits for its turn with these locks. Throws LOCKED. */
  readonly take: (wanted: readonly Lockable[]) => Promise<Locks>;
}

export interface TurnsOptions {
  readonly runtimeDir: string;
  /** Milliseconds, of any clock that goes forward. */
  readonly ticks: () => number;
}

const WAIT_MS = 10 * 60_000;
/** So long a run hands the locks on to itself; taking them anew costs a process, and lets others in. */
const LONGEST_MS = 500;

interface Line {
  last: Promise<void>;
  waiting: number;
  held: Locks | null;
  sinceMs: number;
}

/** Those that want the same locks stand in one line; a line gives them up for a moment when it has had them for {@link LONGEST_MS}. */
export function createTurns({ runtimeDir, ticks }: TurnsOptions): Turns {
  const lines = new Map<string, Line>();
  const lineFor = (wanted: readonly Lockable[]): Line => {
    const key = JSON.stringify(wanted.map((lockable) => lockable.key).sort());
    const line = lines.get(key) ?? { last: Promise.resolve(), waiting: 0, held: null, sinceMs: 0 };
    lines.set(key, line);
    return line;
  };
  return {
    take: async (wanted) => {
      const line = lineFor(wanted);
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const before = line.last;
      line.last = promise;
      line.waiting += 1;
      await before;
      line.waiting -= 1;
      try {
        if (line.held === null) {
          line.held = await takeLocks(wanted, { runtimeDir, waitMs: WAIT_MS, ticks });
          line.sinceMs = ticks();
        }
      } catch (error) {
        resolve(undefined);
        throw error;
      }
      const release = once(() => {
        if (line.waiting === 0 || ticks() - line.sinceMs > LONGEST_MS) {
          line.held?.release();
          line.held = null;
        }
        resolve(undefined);
      });
      return { release };
    },
  };
}

/** The next one's turn must not end with a second call. */
function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
