import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { toCowherdError } from '../model/errors.ts';
import type { Context } from '../usecases/context.ts';
import type { Finding } from '../usecases/finding.ts';
import type { ScheduleRun } from '../usecases/run-due.ts';
import { findingsNow } from './look.ts';
import { openNotifier } from './notify.ts';

/** Who hears of what the daemon does, by the config as it is now. */
export interface Telling {
  readonly ran: (run: ScheduleRun) => void;
  /** Ends deliveries that are under way. */
  readonly end: () => Promise<void>;
}

/** Overdue agents and full disks are looked for so often, or after so many times what the last look took: half a percent of a core. */
const LOOK_MS = 60_000;
const REST = 200;
const LONGEST_MS = 10 * 60_000;
/** One that did not end in time may hang with its disk for good: so many times the rest is doubled, lest they pile up. */
const MOST_DOUBLED = 8;

/** Begins to tell; of nothing where the config names nobody. */
export async function beginTelling(fresh: () => Promise<Context>): Promise<Telling> {
  const { config, tell, now, ticks } = await fresh();
  const ended = new AbortController();
  const notifier = await openNotifier({ config, tell, now, ticks, signal: ended.signal });
  const schedules = config.schedules.map(({ name }) => name);
  const { webhook, command } = config.notify;
  const isHeard = webhook !== null || command !== null;
  const { signal } = ended;
  const seen = (findings: readonly Finding[]): void =>
    notifier.passed({ runs: [], findings, schedules });
  const looked = isHeard ? looking({ config, tell, signal, seen }) : Promise.resolve();
  return {
    ran: (run) => {
      notifier.passed({ runs: [run], findings: null, schedules });
      if (run.outcome === 'done') notifier.beat();
    },
    end: async () => {
      ended.abort();
      await Promise.all([looked, notifier.settled()]);
    },
  };
}

interface Look {
  readonly config: Config;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
  readonly seen: (findings: readonly Finding[]) => void;
}

/** Looks again and again, each time a while after the last look, until its signal aborts. */
async function looking({ config, tell, signal, seen }: Look): Promise<void> {
  const isOver = (): boolean => signal.aborted;
  let stuck = 0;
  while (!isOver()) {
    const began = performance.now();
    try {
      const findings = await findingsNow(config, signal);
      stuck = 0;
      if (!isOver()) seen(findings);
    } catch (error) {
      const { code, message, details } = toCowherdError(error);
      stuck = details['timedOut'] === true ? Math.min(stuck + 1, MOST_DOUBLED) : 0;
      if (!isOver())
        tell(`warning: ${code}: what needs a person could not be looked for: ${message}`);
    }
    const restMs = REST * (performance.now() - began);
    const ms = Math.min(Math.max(LOOK_MS, restMs), LONGEST_MS) * 2 ** stuck;
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }
}
