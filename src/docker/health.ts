/** `Config.Healthcheck` of a container, its image's HEALTHCHECK merged in by Docker; times in nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[] | null | undefined;
  readonly Interval: number;
  readonly Timeout: number;
  readonly StartPeriod: number;
  readonly Retries: number;
}

const NS_PER_MS = 1e6;
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RETRIES = 3;

/**
 * Longest time (ms) a probe may take to say unhealthy: start_period + (retries+1)×(interval+timeout), zeros
 * being Docker's defaults (Dockerfile reference, HEALTHCHECK); null without a probe (`NONE`).
 */
export function healthWindowMs(check: Healthcheck | null): number | null {
  const test = check?.Test ?? [];
  if (check === null || test.length === 0 || test[0] === 'NONE') return null;
  const intervalMs = check.Interval / NS_PER_MS || DEFAULT_INTERVAL_MS;
  const timeoutMs = check.Timeout / NS_PER_MS || DEFAULT_TIMEOUT_MS;
  const retries = check.Retries || DEFAULT_RETRIES;
  return check.StartPeriod / NS_PER_MS + (retries + 1) * (intervalMs + timeoutMs);
}
