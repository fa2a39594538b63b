import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';

const LOOK_EVERY_MS = 5_000;
const LOOK_TIMEOUT_MS = 10_000;
export const SUSPENDED_HINT =
  'zpool status tells why, dmesg what the disks said; once they answer: zpool clear, then run it again';

/**
 * Does what waits for as long as a pool does not answer (zpoolprops(7), failmode=wait). When a pool that is named among the words, or
 * whose dataset is, turns out to be suspended, the signal aborts and IO_ERROR is thrown.
 */
export async function unlessSuspended<T>(
  words: readonly string[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const look = async (): Promise<void> => {
    const name = suspendedAmong(words, await healths());
    if (name !== null) stop.abort(suspendedPool(name));
  };
  const looking = lookEvery(look);
  try {
    return await work(stop.signal);
  } catch (error) {
    if (isTimeout(error) && !stop.signal.aborted) await look();
    stop.signal.throwIfAborted();
    throw error;
  } finally {
    looking.end();
  }
}

function lookEvery(look: () => Promise<void>): { readonly end: () => void } {
  const state: { timer?: NodeJS.Timeout; ended: boolean } = { ended: false };
  const next = (): void => {
    if (state.ended) return;
    state.timer = setTimeout(() => void look().then(next), LOOK_EVERY_MS);
  };
  next();
  return {
    end: () => {
      state.ended = true;
      clearTimeout(state.timer);
    },
  };
}

/** Names and states of all pools, a line each with a tab between: the module's own copy, for which no disk is asked. */
async function healths(): Promise<string> {
  const listing = run('zpool', ['list', '-H', '-o', 'name,health'], { timeoutMs: LOOK_TIMEOUT_MS });
  return listing.then(
    ({ stdout }) => stdout,
    () => '',
  );
}

/** The suspended pool of a listing of names and states that is named among these words, or null. */
export function suspendedAmong(words: readonly string[], listing: string): string | null {
  const pools = new Set(words.map((word) => word.split(/[/@]/)[0] ?? ''));
  const rows = listing.split('\n').map((line) => line.split('\t'));
  const found = rows.find(([name = '', health]) => health === 'SUSPENDED' && pools.has(name));
  return found?.[0] ?? null;
}

/** Why nothing can be done in a pool. */
export function suspendedPool(name: string): CowherdError {
  const said = `the pool ${name} is suspended: its disks do not answer`;
  return new CowherdError('IO_ERROR', said, { hint: SUSPENDED_HINT, details: { suspended: name } });
}

export function isSuspended(error: unknown): boolean {
  return error instanceof CowherdError && 'suspended' in error.details;
}

function isTimeout(error: unknown): boolean {
  return error instanceof CowherdError && error.details['timedOut'] === true;
}
