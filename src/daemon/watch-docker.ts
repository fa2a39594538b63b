import { setTimeout as sleep } from 'node:timers/promises';
import type { Docker } from '../docker/docker.ts';
import { observe } from '../docker/observe.ts';
import type { Observation } from '../model/agent.ts';
import { toCowherdError } from '../model/errors.ts';
import { agentsOf, withOtherImage, type Occasion } from '../model/occasion.ts';
import type { RunResult } from '../model/run.ts';
import type { Context } from '../usecases/context.ts';
import { captureOn, neverCaptured } from '../usecases/occasions.ts';

export interface WatchPorts {
  /** A fresh one for each use. */
  readonly context: () => Promise<Context>;
  readonly interrupt: AbortSignal;
  /** True while a schedule takes its restore point anyhow. */
  readonly isTaken: (agent: string) => boolean;
  readonly captured: (occasion: Occasion, result: RunResult) => void;
  readonly tell: (line: string) => void;
}

/** Compose makes a container and its volumes in several steps: they are looked at when it has been quiet for so long. */
const QUIET_MS = 1_000;
/** Somewhere a container may start every second: so long a look is put off at most, or for so many times what the last one took. */
const LONGEST_MS = 5_000;
const REST = 20;
const AGAIN_MS = [1_000, 5_000, 30_000];

interface Watch {
  seen: Observation | null;
  /** Agents whose first restore point was tried: what fails is left to the schedules. */
  readonly tried: Set<string>;
  timer: NodeJS.Timeout | null;
  /** When the look that is put off is to be at the latest (monotonic milliseconds). */
  latestMs: number;
  tookMs: number;
  last: Promise<void>;
}

/** Follows what Docker does until the interrupt aborts, and takes restore points of scheduled agents: the first of one that is new, and one where a container is removed or comes with another image. Throws nothing. */
export async function watchDocker(ports: WatchPorts): Promise<void> {
  const watch: Watch = {
    seen: null,
    tried: new Set(),
    timer: null,
    latestMs: 0,
    tookMs: 0,
    last: Promise.resolve(),
  };
  const { interrupt, tell } = ports;
  const isOver = (): boolean => interrupt.aborted;
  let failed = 0;
  while (!isOver()) {
    try {
      const docker = await (await ports.context()).docker();
      if (docker === null) return;
      await follow(ports, watch, docker);
      failed = 0;
    } catch (error) {
      failed += 1;
      // Told to end, it stops listening by an abort.
      if (isOver()) break;
      tell(`warning: Docker's events cannot be followed: ${toCowherdError(error).message}`);
    }
    const ms = AGAIN_MS[Math.min(failed, AGAIN_MS.length - 1)];
    await sleep(ms, undefined, { signal: interrupt }).catch(() => undefined);
  }
  await watch.last;
  if (watch.timer !== null) clearTimeout(watch.timer);
}

/** Ends when Docker ends the stream. */
async function follow(ports: WatchPorts, watch: Watch, docker: Docker): Promise<void> {
  const events = docker.events(ports.interrupt);
  later(ports, watch, 0);
  for await (const { type, action, id } of events) {
    if (type === 'container' && action === 'destroy') {
      const agents = watch.seen === null ? [] : agentsOf(watch.seen, id);
      inTurn(ports, watch, async () => take(ports, 'container-removed', agents));
    }
    later(ports, watch, QUIET_MS);
  }
}

/** Looks when nothing has happened for a while, or when that does not come. */
function later(ports: WatchPorts, watch: Watch, ms: number): void {
  const now = performance.now();
  if (watch.timer === null) watch.latestMs = now + Math.max(LONGEST_MS, REST * watch.tookMs);
  else clearTimeout(watch.timer);
  const due = (): void => {
    watch.timer = null;
    inTurn(ports, watch, async () => look(ports, watch));
  };
  watch.timer = setTimeout(due, Math.max(0, Math.min(ms, watch.latestMs - now)));
}

/** One after the other; what fails is told. */
function inTurn({ interrupt, tell }: WatchPorts, watch: Watch, work: () => Promise<void>): void {
  watch.last = watch.last.then(async () => {
    if (interrupt.aborted) return;
    await work().catch((error: unknown) => {
      const { code, message } = toCowherdError(error);
      tell(`warning: ${code}: what Docker told could not be followed up: ${message}`);
    });
  });
}

async function look(ports: WatchPorts, watch: Watch): Promise<void> {
  const context = await ports.context();
  const now = await observe(await context.docker(), context.config.agents);
  const before = watch.seen;
  watch.seen = now;
  if (before !== null) await take(ports, 'image-changed', withOtherImage(before, now));
  const began = performance.now();
  const never = await neverCaptured(context);
  watch.tookMs = performance.now() - began;
  const untried = never.filter((agent) => !watch.tried.has(agent));
  const fresh = untried.filter((agent) => !ports.isTaken(agent));
  // Whether the run that is under way has seen it is known when that has ended.
  if (fresh.length < untried.length && watch.timer === null) later(ports, watch, LONGEST_MS);
  for (const agent of fresh) watch.tried.add(agent);
  for (const agent of watch.tried) if (!never.includes(agent)) watch.tried.delete(agent);
  await take(ports, 'new-agent', fresh);
}

async function take(
  { context, captured }: WatchPorts,
  occasion: Occasion,
  agents: readonly string[],
): Promise<void> {
  if (agents.length === 0) return;
  captured(occasion, await captureOn(await context(), occasion, agents));
}
