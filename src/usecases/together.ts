/**
 * Does the same to all of them at once: where each change waits for a transaction group (ZFS), they wait for one together.
 * Returns when the last has ended, so that nothing goes on behind its caller's back; throws the first error.
 */
export async function together<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const settled = await Promise.allSettled(items.map(work));
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
