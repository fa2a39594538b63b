import { stopLab } from './stop.ts';

const starting = new Set<Promise<unknown>>();
const live = new Set<string>();
const before: (() => Promise<void>)[] = [];
const interruption = new AbortController();
let listening = false;

/** Runs a start so that SIGINT and SIGTERM wait for its clean-up; `keep`: the lab outlives us. */
export async function guardStart<T>(
  name: string,
  keep: boolean,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  listen();
  const attempt = startOrStop(name, start);
  starting.add(attempt);
  try {
    const lab = await attempt;
    if (!keep) live.add(name);
    return lab;
  } finally {
    starting.delete(attempt);
  }
}

async function startOrStop<T>(
  name: string,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await start(interruption.signal);
  } catch (error) {
    await stopLab(name);
    throw error;
  }
}

/** Stops the lab and forgets it. */
export async function stopLive(name: string): Promise<void> {
  await stopLab(name);
  live.delete(name);
}

/** What SIGINT, SIGTERM and SIGHUP wait for before they stop the labs: to end what still uses them. */
export function beforeStop(work: () => Promise<void>): void {
  before.push(work);
}

function listen(): void {
  if (listening) return;
  listening = true;
  process.once('SIGINT', () => void stopAllAndExit(130));
  process.once('SIGTERM', () => void stopAllAndExit(143));
  process.once('SIGHUP', () => void stopAllAndExit(129));
}

async function stopAllAndExit(status: number): Promise<void> {
  interruption.abort(new Error('interrupted'));
  await Promise.allSettled(starting);
  await Promise.allSettled(before.map((work) => work()));
  for (const name of live) {
    await stopLab(name).catch((error: unknown) => {
      console.error(`lab ${name}: ${String(error)}`);
    });
  }
  process.exit(status);
}
