import type { CowherdError } from '../model/errors.ts';
import { boundedBy, GRACE_MS, STUCK } from './bounded.ts';

/** Waits for something a child does. */
export type InTime = <T>(waitedFor: PromiseLike<T>) => Promise<T>;

/** Waits for what a child does until some time after it is killed. The clock runs on; a consumer may take its time. */
export function patience(
  signal: AbortSignal | undefined,
  killedAfterMs: number,
  stuck: () => CowherdError,
): InTime {
  const killedAt = performance.now() + killedAfterMs;
  return async (waitedFor) => {
    const afterMs = Math.max(0, killedAt - performance.now()) + GRACE_MS;
    const result = await boundedBy({ afterMs, signal }, waitedFor);
    if (result !== STUCK) return result;
    const failure = stuck();
    signal?.throwIfAborted();
    throw failure;
  };
}

/** The chunks of a child's output, each waited for with patience. */
export async function* eachInTime(
  chunks: AsyncIterable<Buffer>,
  inTime: InTime,
): AsyncGenerator<Buffer, void> {
  const reading = chunks[Symbol.asyncIterator]();
  for (;;) {
    const next = await inTime(reading.next());
    if (next.done === true) return;
    yield next.value;
  }
}
