import { setTimeout } from 'node:timers/promises';
import type { ContainerDetails, Docker } from '../docker/docker.ts';
import type { StoppedContainer } from '../model/transaction.ts';
import type { Context } from './context.ts';
import { find } from './lifecycle.ts';

const POLL_MS = 200;
/** How long a container without a HEALTHCHECK must run, not restarted. */
const STEADY_MS = 5_000;
const LEAST_WAIT_MS = 60_000;

type Verdict = { readonly healthy: true } | { readonly healthy: false; readonly reason: string };
type Step = 'wait' | Verdict;

export interface HealthOptions {
  /** `--health-timeout`; null waits as long as each container's own HEALTHCHECK may take. */
  readonly timeoutMs: number | null;
}

/**
 * Waits until every container that ran before is healthy again. With a HEALTHCHECK (unless it was unhealthy before):
 * `healthy`; without: running and not restarted for 5 s. `unhealthy` or an exit ends it at once. A paused one is not asked.
 */
export async function waitHealthy(
  context: Context,
  docker: Docker,
  request: { containers: readonly StoppedContainer[] } & HealthOptions,
): Promise<Verdict> {
  const watched = request.containers.filter(({ ran, paused }) => ran && !paused);
  const verdicts = await Promise.all(
    watched.map(async (container) =>
      watch(context, docker, { container, timeoutMs: request.timeoutMs }),
    ),
  );
  return verdicts.find(({ healthy }) => !healthy) ?? { healthy: true };
}

interface Watch {
  readonly container: StoppedContainer;
  readonly timeoutMs: number | null;
}

async function watch(
  context: Context,
  docker: Docker,
  { container, timeoutMs }: Watch,
): Promise<Verdict> {
  const first = await find(docker, container);
  if (first === null) return unhealthy(container, 'is gone');
  const begun = context.ticks();
  const limitMs = timeoutMs ?? Math.max(LEAST_WAIT_MS, first.healthWindowMs ?? 0);
  for (;;) {
    context.interrupt.throwIfAborted();
    const now = await docker.inspect(first.id);
    const elapsedMs = context.ticks() - begun;
    const step = judge({ container, first, now, elapsedMs, limitMs });
    if (step !== 'wait') return step;
    await setTimeout(POLL_MS, undefined, { signal: context.interrupt }).catch(() => undefined);
  }
}

interface Observed {
  readonly container: StoppedContainer;
  readonly first: ContainerDetails;
  readonly now: ContainerDetails | null;
  readonly elapsedMs: number;
  readonly limitMs: number;
}

/** One look at a container: its verdict, or that there is none yet. */
export function judge({ container, first, now, elapsedMs, limitMs }: Observed): Step {
  if (now === null) return unhealthy(container, 'is gone');
  if (now.state !== 'running')
    return unhealthy(container, `is ${now.state} (exit code ${String(now.exitCode)})`);
  if (now.startedAt !== first.startedAt || now.restartCount !== first.restartCount)
    return unhealthy(container, 'restarted');
  const asked = now.health !== 'none' && !container.unhealthy;
  if (asked && now.health === 'unhealthy') return unhealthy(container, 'is unhealthy');
  if (asked ? now.health === 'healthy' : elapsedMs >= Math.min(STEADY_MS, limitMs))
    return { healthy: true };
  return elapsedMs >= limitMs
    ? unhealthy(
        container,
        `was still ${now.health} after ${String(Math.round(elapsedMs / 1000))} s`,
      )
    : 'wait';
}

function unhealthy(container: StoppedContainer, reason: string): Verdict {
  return { healthy: false, reason: `${container.name} ${reason}` };
}
