/** Between a kill and the end of waiting for what was killed. */
export const GRACE_MS = 10_000;

/** What there is instead of an end that does not come. */
export const STUCK = Symbol('stuck');

export interface Bound {
  /** Without it only an abort ends the waiting. */
  readonly afterMs?: number | undefined;
  /** The child is killed when it aborts: then there is only the grace left. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a child says or how it ends, or STUCK when that does not come some time after it was killed: one that waits for a disk
 * (state D) cannot be, and is to be left behind, so that locks are released and everything else goes on.
 */
export async function boundedBy<T>(
  { afterMs, signal }: Bound,
  end: PromiseLike<T>,
): Promise<T | typeof STUCK> {
  const late = Promise.withResolvers<typeof STUCK>();
  const timers: NodeJS.Timeout[] = [];
  const giveUpAfter = (ms: number): void => {
    timers.push(setTimeout(late.resolve, ms, STUCK));
  };
  const aborted = (): void => {
    giveUpAfter(GRACE_MS);
  };
  if (afterMs !== undefined) giveUpAfter(afterMs);
  if (signal?.aborted === true) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    return await Promise.race([end, late.promise]);
  } finally {
    timers.forEach(clearTimeout);
    signal?.removeEventListener('abort', aborted);
  }
}

interface Leavable {
  readonly stdin: { destroy(): unknown } | null;
  readonly stdout: { destroy(): unknown } | null;
  readonly stderr: { destroy(): unknown } | null;
  unref?(): unknown;
}

/** Neither waits for a child any longer nor keeps this process alive for it. */
export function leaveBehind(child: Leavable): void {
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.unref?.();
}
