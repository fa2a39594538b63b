/** The value below which the part `p` of the values lies (nearest rank); throws for none. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
  if (value === undefined) throw new Error('no values');
  return value;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
