import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { runSchedules } from '../../../src/daemon/loop.ts';
import { PARTIAL } from '../../../src/exec/durable.ts';
import { CowherdError, toFailure } from '../../../src/model/errors.ts';
import { isProgressLoose, readProgress, writeProgress } from '../../../src/state/progress.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { nextDueOf } from '../../../src/usecases/due.ts';
import type { RunResult } from '../../../src/model/run.ts';
import { NOTHING, recorded, recordSkipped } from '../../../src/usecases/recorded.ts';
import { runDue } from '../../../src/usecases/run-due.ts';
import type { RunStep, SchedulePorts } from '../../../src/usecases/schedule-ports.ts';
import type { Schedule, ScheduledStep } from '../../../src/usecases/scheduled.ts';
import type { Time } from './time.ts';
import type { World } from './world.ts';

/** A step as it began, and what became of it; `endedMs` stays null where its process died. */
export interface Performed {
  readonly schedule: string;
  readonly step: RunStep;
  readonly occurrence: string;
  readonly beganMs: number;
  readonly era: number;
  endedMs: number | null;
}

export interface Skipped {
  readonly schedule: string;
  readonly occurrence: string;
  readonly reason: string;
  readonly trueMs: number;
}

/** A host on which daemons come and go. */
export interface Host {
  readonly performed: readonly Performed[];
  readonly skipped: readonly Skipped[];
  /** True times between which no daemon ran. */
  readonly down: readonly (readonly [fromMs: number, toMs: number])[];
  readonly startDaemon: () => void;
  /** As SIGKILL does: nothing that it was at is ended. */
  readonly kill: () => void;
  /** As SIGTERM does: what is under way has five seconds. */
  readonly end: () => void;
  /** What a systemd timer would start, beside a daemon or without one. */
  readonly runDue: () => void;
  /** The daemon looks at the clock within half a minute, whatever it waits for. */
  readonly clockWasSet: () => void;
  /** None while only the runtime directory has the progress of a schedule: then an occurrence may come twice. */
  readonly reboot: () => Promise<void>;
  /** The state directory's disk; the runtime directory is another one. */
  readonly stateDisk: StateDisk;
}

export interface StateDisk {
  readonly isFull: () => boolean;
  readonly fill: (isFull: boolean) => void;
}

export interface HostOptions {
  readonly time: Time;
  readonly world: World;
  /** Its clock is the time's. */
  readonly context: Context;
  readonly random: () => number;
}

const ENDING_MS = 5_000;
const LONGEST_SLEEP_MS = 30_000;

interface Process {
  alive: boolean;
  readonly interrupt: AbortController;
  wake: () => void;
}

export function createHost({ time, world, context, random }: HostOptions): Host {
  const { config, runtimeDir } = context;
  const performed: Performed[] = [];
  const skipped: Skipped[] = [];
  const down: [number, number][] = [];
  const locks = new Map<string, Process>();
  const stateDisk = createStateDisk(config.state);
  let daemon: Process | null = null;
  let downSinceMs = time.trueMs();

  const newProcess = (): Process => ({
    ...{ alive: true, interrupt: new AbortController(), wake: () => undefined },
  });

  /** A process that is dead never hears of the end of what it waits for. */
  async function inLife<T>(process: Process, work: Promise<T>): Promise<T> {
    const result = await work;
    return process.alive ? result : new Promise<T>(() => undefined);
  }

  function portsOf(process: Process): SchedulePorts {
    const signal = process.interrupt.signal;
    const home = { state: config.state, runtimeDir };
    const own: Context = { ...context, interrupt: signal };
    // What lies below a file cannot be written: as good as a full disk.
    const ownNow = (): Context =>
      stateDisk.isFull() ? { ...own, config: { ...config, state: '/dev/full' } } : own;
    return {
      ...{ now: time.now, host: config.host, timezone: config.timezone, interrupt: signal },
      ...{ tell: () => undefined, random: context.random },
      lock: async ({ name }: Schedule) => {
        if (locks.get(name)?.alive === true) return null;
        locks.set(name, process);
        return { release: () => void locks.delete(name) };
      },
      readProgress: async (schedule) => time.real(async () => readProgress(home, schedule)),
      isProgressLoose: async (schedule) => time.real(async () => isProgressLoose(home, schedule)),
      writeProgress: async (schedule, progress) =>
        time.real(async () => writeProgress(home, schedule, progress)),
      skip: async (command, cause, reason) => {
        if (cause.trigger === 'schedule') skipped.push({ ...cause, reason, trueMs: time.trueMs() });
        await time.real(async () => recordSkipped(ownNow(), { command, cause }, reason));
      },
      perform: async (step, scheduled) => perform({ process, own, ownNow }, step, scheduled),
    };
  }

  async function isLoose(): Promise<boolean> {
    const home = { state: config.state, runtimeDir };
    const of = config.schedules.map(async ({ name }) => isProgressLoose(home, name));
    return (await time.real(async () => Promise.all(of))).some(Boolean);
  }

  interface Own {
    readonly process: Process;
    readonly own: Context;
    readonly ownNow: () => Context;
  }

  async function perform({ process, own, ownNow }: Own, step: RunStep, scheduled: ScheduledStep) {
    const { schedule, cause } = scheduled;
    assert.is(cause.trigger, 'schedule');
    const occurrence = cause.trigger === 'schedule' ? cause.occurrence : '';
    const one: Performed = {
      ...{ schedule: schedule.name, step, occurrence },
      ...{ beganMs: time.trueMs(), era: time.era(), endedMs: null },
    };
    performed.push(one);
    const work = step === 'snapshot' ? world.snapshotStep : world.pruneStep;
    const wait = async (ms: number): Promise<void> => inLife(process, time.sleep(ms));
    try {
      return await time.real(async () =>
        recorded(ownNow(), {
          ...{ command: step, cause, resultOf: (result: RunResult) => result },
          work: async () => time.simulated(async () => work(own, scheduled, wait)),
        }),
      );
    } catch (error) {
      return { ...NOTHING, failures: [toFailure(null, error)] };
    } finally {
      one.endedMs = time.trueMs();
    }
  }

  /** Half a minute after half a minute would come to the same: in between nothing is due. */
  async function sleep(process: Process, ms: number): Promise<void> {
    const due = nextDueOf(portsOf(process), config.schedules);
    const untilDue = due === null ? ms : due - time.now().getTime();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    process.wake = () => resolve(undefined);
    const waitMs = ms < LONGEST_SLEEP_MS ? ms : Math.max(ms, untilDue);
    void time.sleep(waitMs).then(process.wake);
    await inLife(process, promise);
  }

  function ended(process: Process): void {
    process.alive = false;
    if (daemon !== process) return;
    daemon = null;
    downSinceMs = time.trueMs();
  }

  return {
    ...{ performed, skipped, down, stateDisk },
    startDaemon: () => {
      if (daemon !== null) return;
      down.push([downSinceMs, time.trueMs()]);
      const process = newProcess();
      daemon = process;
      void runSchedules({
        ...{ interrupt: process.interrupt.signal, underWay: new Set<string>() },
        ...{ schedules: () => config.schedules, ran: () => undefined },
        ports: async () => portsOf(process),
        sleep: async (ms) => sleep(process, ms),
      }).then(() => ended(process));
    },
    kill: () => {
      if (daemon !== null) ended(daemon);
    },
    end: () => {
      const process = daemon;
      process?.interrupt.abort(new CowherdError('INTERRUPTED', 'told to end'));
      process?.wake();
      time.at(time.trueMs() + ENDING_MS, () => {
        if (process?.alive === true) ended(process);
      });
    },
    runDue: () => void runDue(portsOf(newProcess()), config.schedules),
    clockWasSet: () => {
      const process = daemon;
      time.at(time.trueMs() + random() * LONGEST_SLEEP_MS, () => process?.wake());
    },
    reboot: async () => {
      if (await isLoose()) return;
      await time.real(async () => rm(runtimeDir, { recursive: true, force: true }));
    },
  };
}

/** What is on a full disk can be read, and no progress be written: a directory is in the way of it. */
function createStateDisk(state: string): StateDisk {
  let isFull = false;
  return {
    isFull: () => isFull,
    fill: (is) => {
      isFull = is;
      const directory = `${state}/schedules`;
      if (!existsSync(directory)) return;
      const names = readdirSync(directory);
      for (const name of names.filter((one) => one.endsWith(is ? '.json' : PARTIAL))) {
        if (is) mkdirSync(`${directory}/${name}${PARTIAL}`);
        else rmdirSync(`${directory}/${name}`);
      }
    },
  };
}
