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

/** Overdue agents and full disks are looked for so often. */
const LOOK_MS = 60_000;

/** Begins to tell; of nothing where the config names nobody. */
export async function beginTelling(fresh: () => Promise<Context>): Promise<Telling> {
  const { config, tell, now, ticks } = await fresh();
  const ended = new AbortController();
  const notifier = await openNotifier({ config, tell, now, ticks, signal: ended.signal });
  const schedules = config.schedules.map(({ name }) => name);
  const { webhook, command } = config.notify;
  const isHeard = webhook !== null || command !== null;
  const timer = isHeard ? looking({ fresh, notifier, schedules }) : undefined;
  return {
    ran: (run) => {
      notifier.passed({ runs: [run], findings: null, schedules });
      if (run.outcome === 'done') notifier.beat();
    },
    end: async () => {
      clearInterval(timer);
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

function looking({ fresh, notifier, schedules }: Look): NodeJS.Timeout {
  let isUnderWay = false;
  const look = async (): Promise<void> => {
    if (isUnderWay) return;
    isUnderWay = true;
    try {
      const { findings } = await status(await fresh());
      notifier.passed({ runs: [], findings, schedules });
    } finally {
      isUnderWay = false;
    }
  };
  return setInterval(() => {
    look().catch(() => undefined); // the next look is soon enough, and the log has what the schedules meet
  }, LOOK_MS);
}
