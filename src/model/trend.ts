/** Something measured at a time (ms of the epoch). */
export interface Measured {
  readonly atMs: number;
  readonly value: number;
}

/**
 * How much a value changes in a millisecond: the median of the slopes between all pairs (Theil–Sen), so that what comes and goes within
 * the time, as restore points before a prune do, does not count. Null for fewer than two times. Quadratic: for some hundreds.
 */
export function slopeOf(points: readonly Measured[]): number | null {
  const slopes = points.flatMap((a, index) =>
    points
      .slice(index + 1)
      .filter(({ atMs }) => atMs !== a.atMs)
      .map((b) => (b.value - a.value) / (b.atMs - a.atMs)),
  );
  return slopes.length === 0 ? null : median(slopes);
}

/** One for each span of time in which there are some, the median of both, oldest first. */
export function thinned(points: readonly Measured[], spanMs: number): readonly Measured[] {
  const spans = Map.groupBy(points, ({ atMs }) => Math.floor(atMs / spanMs));
  return [...spans.values()]
    .map((own) => ({
      atMs: median(own.map(({ atMs }) => atMs)),
      value: median(own.map(({ value }) => value)),
    }))
    .sort((a, b) => a.atMs - b.atMs);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [
    sorted[sorted.length % 2 === 0 ? middle - 1 : middle],
    sorted[middle],
  ];
  return (low + high) / 2;
}
