import type { Context } from '../usecases/context.ts';
import type { ScheduleRun } from '../usecases/run-due.ts';
import { status } from '../usecases/status.ts';
import { openNotifier, type Notifier } from './notify.ts';

/** Who hears of what the daemon does, by the config as it is now. */
export interface Telling {
  readonly ran: (run: ScheduleRun) => void;
  /** Ends deliveries that are under way. */
  readonly end: () => Promise<void>;
}

/** Overdue agents and full disks are looked for so often, or after so many times what the last look took. */
const LOOK_MS = 60_000;
const REST = 100;
const LONGEST_MS = 10 * 60_000;

/** Begins to tell; of nothing where the config names nobody. */
export async function beginTelling(fresh: () => Promise<Context>): Promise<Telling> {
  const { config, tell, now, ticks } = await fresh();
  const ended = new AbortController();
  const notifier = await openNotifier({ config, tell, now, ticks, signal: ended.signal });
  const schedules = config.schedules.map(({ name }) => name);
  const { webhook, command } = config.notify;
  const isHeard = webhook !== null || command !== null;
  const endLooking = isHeard ? looking({ fresh, notifier, schedules }) : () => undefined;
  return {
    ran: (run) => {
      notifier.passed({ runs: [run], findings: null, schedules });
      if (run.outcome === 'done') notifier.beat();
    },
    end: async () => {
      endLooking();
      ended.abort();
      await notifier.settled();
    },
  };
}

interface Look {
  readonly fresh: () => Promise<Context>;
  readonly notifier: Notifier;
  readonly schedules: readonly string[];
}

/** Looks again and again, each time a while after the last look. Gives what ends it. */
function looking({ fresh, notifier, schedules }: Look): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const look = async (): Promise<void> => {
    const began = performance.now();
    try {
      const { findings } = await status(await fresh());
      if (!isOver) notifier.passed({ runs: [], findings, schedules });
    } catch {
      // The next look is soon enough, and the log has what the schedules meet.
    }
    later(REST * (performance.now() - began));
  };
  const later = (restMs: number): void => {
    const ms = Math.min(Math.max(LOOK_MS, restMs), LONGEST_MS);
    if (!isOver) timer = setTimeout(() => void look(), ms);
  };
  later(0);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
