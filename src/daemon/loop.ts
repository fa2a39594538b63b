import { toFailure } from '../model/errors.ts';
import type { SchedulePorts } from '../usecases/schedule-ports.ts';
import { nextDueOf } from '../usecases/due.ts';
import { runIfDue, type ScheduleRun } from '../usecases/run-due.ts';
import type { Schedule } from '../usecases/scheduled.ts';

/** What the loop of schedules asks of the daemon. */
export interface LoopPorts {
  /** Of the config as it is now. */
  readonly schedules: () => readonly Schedule[];
  /** New ones for each run: nothing that was known before is believed. */
  readonly ports: () => Promise<SchedulePorts>;
  /** Ends early when there is something new; never before a moment has passed. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly interrupt: AbortSignal;
  /** Names of the schedules under way, kept up here. */
  readonly underWay: Set<string>;
  readonly ran: (run: ScheduleRun) => void;
}

/** A clock that was set, or a machine that slept, is noticed so soon. */
const LONGEST_SLEEP_MS = 30_000;
const SHORTEST_SLEEP_MS = 50;

/** Begins each schedule when it is due, none while it still runs, until the interrupt aborts; then waits for those under way. */
export async function runSchedules(loop: LoopPorts): Promise<void> {
  const running = new Map<string, Promise<void>>();
  while (!loop.interrupt.aborted) {
    for (const schedule of loop.schedules()) {
      if (running.has(schedule.name)) continue;
      loop.underWay.add(schedule.name);
      const task = runOne(loop, schedule).finally(() => {
        running.delete(schedule.name);
        loop.underWay.delete(schedule.name);
      });
      running.set(schedule.name, task);
    }
    await loop.sleep(await sleepMs(loop));
  }
  await Promise.all(running.values());
}

/** Throws nothing: what fails is a run that failed, and tried again with the next look. */
async function runOne({ ports, ran }: LoopPorts, schedule: Schedule): Promise<void> {
  try {
    const run = await runIfDue(await ports(), schedule);
    if (run !== null) ran(run);
  } catch (error) {
    const failures = [toFailure(null, error)];
    const nothing = { occurrence: '', snapshots: [], destroyed: 0 };
    ran({ schedule: schedule.name, outcome: 'failed', failures, ...nothing });
  }
}

/** Throws nothing either: whoever cannot say when the next one is due looks again when it may be. */
async function sleepMs({ ports, schedules }: LoopPorts): Promise<number> {
  try {
    const now = await ports();
    const next = nextDueOf(now, schedules());
    const ms = next === null ? LONGEST_SLEEP_MS : next - now.now().getTime();
    return Math.min(Math.max(ms, SHORTEST_SLEEP_MS), LONGEST_SLEEP_MS);
  } catch {
    return LONGEST_SLEEP_MS;
  }
}
