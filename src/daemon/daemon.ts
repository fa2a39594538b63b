import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { toCowherdError, type Failure } from '../model/errors.ts';
import { matchesAny } from '../model/globs.ts';
import { takeLocks } from '../state/locks.ts';
import type { Context } from '../usecases/context.ts';
import { recoverQuietly } from '../usecases/recover.ts';
import type { ScheduleRun } from '../usecases/run-due.ts';
import { portsOf } from '../usecases/schedule-ports.ts';
import type { Schedule } from '../usecases/scheduled.ts';
import { serveApi } from './api.ts';
import { runSchedules } from './loop.ts';
import { systemd, type Systemd } from './systemd.ts';
import { beginTelling, type Telling } from './telling.ts';
import { watchDocker } from './watch-docker.ts';

/** What the daemon is given by `compose.ts`. */
export interface DaemonHost {
  /** Reads the config anew; each context it makes has adapters of its own, of that config. Throws CONFIG_INVALID. */
  readonly load: () => Promise<() => Promise<Context>>;
  /** Aborts on SIGTERM and SIGINT. */
  readonly interrupt: AbortSignal;
  /** Called for each SIGHUP. */
  readonly onReload: (listener: () => void) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly tell: (line: string) => void;
  readonly version: string;
}

/** So long what is under way has to end when we are told to: nobody stays frozen, and what is cut short the next start finishes. */
const ENDING_MS = 5_000;

/** Recovers, then keeps the schedules until it is told to end. Throws CONFIG_INVALID, and LOCKED where a daemon runs already. */
export async function runDaemon(host: DaemonHost): Promise<void> {
  const fresh = await host.load();
  const context = await fresh();
  const { runtimeDir, ticks } = context;
  const wanted = { key: 'daemon', label: 'this host: its daemon' };
  const lock = await takeLocks([wanted], { runtimeDir, ticks, waitMs: 0 });
  try {
    await recoverQuietly(context);
    await keep(host, fresh, context.config);
  } finally {
    lock.release();
  }
}

type Fresh = () => Promise<Context>;

/** What holds now; a reload changes it. */
interface Kept {
  fresh: Fresh;
  schedules: readonly Schedule[];
  telling: Telling;
}

async function keep(host: DaemonHost, fresh: Fresh, { schedules }: Config): Promise<void> {
  const { interrupt, tell, version } = host;
  const told = systemd(host.env, tell);
  const wake = newWake(interrupt);
  const now: Kept = { fresh, schedules, telling: await beginTelling(fresh) };
  let reload = Promise.resolve();
  let alive: NodeJS.Timeout | undefined;
  const parts = [async () => reload.then(async () => now.telling.end())];
  try {
    const api = await serveApi({ context: async () => now.fresh(), version, tell });
    parts.push(async () => api.close());
    // One after the other: two at once would leave one that tells beside the other for good.
    host.onReload(() => {
      reload = reload.then(async () => reloaded(host, told, now)).finally(wake.now);
    });
    alive = watchdog(told);
    await told.status(counted(schedules));
    const work = workOf(host, now, { sleep: wake.sleep, told });
    parts.push(async () => work);
    await told.ready();
    tell(`ready: ${counted(schedules)}`);
    await Promise.race([work, aborted(interrupt)]);
  } finally {
    await told.stopping();
    const ending = Promise.allSettled(parts.map(async (end) => end()));
    await Promise.race([ending, delay(ENDING_MS, undefined, { ref: false })]);
    clearInterval(alive);
  }
}

async function workOf(
  { interrupt, tell }: DaemonHost,
  now: Kept,
  { sleep, told }: { readonly sleep: (ms: number) => Promise<void>; readonly told: Systemd },
): Promise<void> {
  const underWay = new Set<string>();
  await Promise.all([
    runSchedules({
      ...{ interrupt, underWay, sleep },
      schedules: () => now.schedules,
      ports: async () => portsOf(await now.fresh()),
      ran: (run) => {
        const [summary = '', ...failures] = linesOf(run);
        for (const line of [summary, ...failures]) tell(line);
        void told.status(`${counted(now.schedules)}, the last one run: ${summary}`);
        now.telling.ran(run);
      },
    }),
    watchDocker({
      ...{ interrupt, tell, context: async () => now.fresh() },
      isTaken: (agent) =>
        now.schedules.some((one) => underWay.has(one.name) && captures(one, agent)),
      captured: (occasion, { snapshots, failures }) => {
        for (const id of snapshots) tell(`${occasion}: took ${id}`);
        for (const failure of failures) tell(`${occasion}: ${failureLine(failure)}`);
      },
    }),
  ]);
}

function captures({ agents, run }: Schedule, agent: string): boolean {
  return run.includes('snapshot') && matchesAny(agent, agents);
}

function counted(schedules: readonly Schedule[]): string {
  return `${String(schedules.length)} ${schedules.length === 1 ? 'schedule' : 'schedules'}`;
}

function linesOf({ schedule, outcome, snapshots, destroyed, failures }: ScheduleRun): string[] {
  const done = `${String(snapshots.length)} taken, ${String(destroyed)} destroyed`;
  return [
    `schedule ${schedule}: ${outcome}, ${done}`,
    ...failures.map((failure) => `schedule ${schedule}: ${failureLine(failure)}`),
  ];
}

function failureLine({ agent, code, message }: Failure): string {
  return `${agent === null ? '' : `${agent}: `}${code}: ${message}`;
}

/** A config that is no good is told, and the old one stays. */
async function reloaded(host: DaemonHost, told: Systemd, now: Kept): Promise<void> {
  const { load, tell, interrupt } = host;
  if (interrupt.aborted) return;
  await told.reloading();
  try {
    const fresh = await load();
    const { config } = await fresh();
    await now.telling.end();
    const telling = await beginTelling(fresh);
    Object.assign(now, { fresh, schedules: config.schedules, telling });
    await told.status(counted(config.schedules));
    tell(`the config was read anew: ${counted(config.schedules)}`);
  } catch (error) {
    const { code, message } = toCowherdError(error);
    tell(`warning: ${code}: the config is no good, the old one stays: ${message}`);
  } finally {
    await told.ready();
  }
}

function watchdog(told: Systemd): NodeJS.Timeout | undefined {
  if (told.watchdogMs === null) return undefined;
  return setInterval(() => void told.alive(), told.watchdogMs);
}

function newWake(interrupt: AbortSignal): {
  readonly sleep: (ms: number) => Promise<void>;
  readonly now: () => void;
} {
  let early = new AbortController();
  return {
    sleep: async (ms) => {
      const signal = AbortSignal.any([early.signal, interrupt]);
      await delay(ms, undefined, { signal }).catch(() => undefined);
      early = new AbortController();
    },
    now: () => early.abort(),
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
  });
}
