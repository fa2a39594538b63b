import { pick, type Random } from '../kill/random.ts';
import type { Host } from './host.ts';
import type { Time } from './time.ts';
import type { World } from './world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export interface StoryOptions {
  readonly random: Random;
  readonly time: Time;
  readonly world: World;
  readonly host: Host;
  readonly startMs: number;
  readonly days: number;
  /** When in an hour its run begins. */
  readonly hourlyAtMs: number;
  /** A person insists on pruning, whatever the clock says. */
  readonly insist: () => void;
}

/** What the world forbade, and when. */
export interface Told {
  readonly full: Window[];
  readonly slow: Window[];
  readonly stateFull: Window[];
  readonly pinned: string[];
}

export type Window = readonly [fromMs: number, toMs: number];

/** Days at the end in which clocks are right and disks have room. */
const CALM_DAYS = 3;
/** After it clocks are right: what was dated by a wrong one is no part of the retention at the end. */
const CLOCK_DAYS = 15;

/** Writes a month: processes die, machines stand still, disks are full or slow, clocks are wrong. */
export function tellMonth(options: StoryOptions): Told {
  const told: Told = { full: [], slow: [], stateFull: [], pinned: [] };
  lives(options);
  disks(options, told);
  clocks(options);
  people(options, told);
  return told;
}

/** One kind after the other, each with a time of its own, until `endMs`. */
function inTurn(
  { random, startMs }: StoryOptions,
  { apartMs, endMs }: { readonly apartMs: number; readonly endMs: number },
  one: (fromMs: number) => number,
): void {
  let atMs = startMs + random() * apartMs;
  while (atMs < endMs) atMs = one(atMs) + (0.1 + random()) * apartMs;
}

function lives({ time, host, random, hourlyAtMs, ...options }: StoryOptions): void {
  const endMs = options.startMs + (options.days - CALM_DAYS / 2) * DAY_MS;
  const all = { time, host, random, hourlyAtMs, ...options };
  time.at(options.startMs + random() * HOUR_MS, host.startDaemon);
  inTurn(all, { apartMs: 10 * HOUR_MS, endMs }, (fromMs) => {
    const inARun = Math.ceil(fromMs / HOUR_MS) * HOUR_MS + hourlyAtMs + random() * 3 * MINUTE_MS;
    let atMs = random() < 0.7 ? inARun : fromMs + 2 * HOUR_MS;
    const often = random() < 0.15 ? 4 : 1;
    for (let count = 0; count < often; count += 1) {
      time.at(atMs, pick(random, [host.kill, host.kill, host.end]));
      const isLong = often === 1 && random() < 0.35;
      const isReboot = isLong && random() < 0.5;
      if (isReboot)
        time.at(atMs + 10_000, () => {
          if (!host.stateDisk.isFull()) void host.reboot();
        });
      atMs += 11_000 + random() * (isLong ? 14 * HOUR_MS : 30_000);
      time.at(atMs, host.startDaemon);
      atMs += 20_000 + random() * MINUTE_MS;
    }
    return atMs;
  });
  inTurn(all, { apartMs: 30 * HOUR_MS, endMs }, (fromMs) => {
    const inARun = Math.ceil(fromMs / HOUR_MS) * HOUR_MS + hourlyAtMs + random() * MINUTE_MS;
    time.at(random() < 0.7 ? inARun : fromMs, host.runDue);
    return fromMs;
  });
}

function disks({ time, world, host, random, ...options }: StoryOptions, told: Told): void {
  const endMs = options.startMs + (options.days - CALM_DAYS) * DAY_MS;
  const all = { time, world, host, random, ...options };
  inTurn(all, { apartMs: 30 * HOUR_MS, endMs }, (fromMs) => {
    const kind = pick(random, ['full', 'slow', 'stateFull', 'stateFull'] as const);
    const toMs = fromMs + (0.2 + random()) * (kind === 'slow' ? 3 : 5) * HOUR_MS;
    const set = (is: boolean): void => {
      if (kind === 'full') world.disk.isFull = is;
      else if (kind === 'slow') world.disk.isSlow = is;
      else host.stateDisk.fill(is);
    };
    time.at(fromMs, () => set(true));
    time.at(toMs, () => set(false));
    told[kind].push([fromMs, toMs]);
    return toMs;
  });
}

/** Hours ahead, hours behind, years ahead; then right again. */
function clocks({ time, host, random, ...options }: StoryOptions): void {
  const endMs = options.startMs + CLOCK_DAYS * DAY_MS;
  const all = { time, host, random, ...options };
  const set = (aheadMs: number) => (): void => {
    time.setClock(aheadMs);
    host.clockWasSet();
  };
  const wrong = [5 * HOUR_MS, -3 * HOUR_MS, 5 * 365 * DAY_MS, -0.4 * HOUR_MS];
  let turn = Math.floor(random() * wrong.length);
  inTurn(all, { apartMs: 30 * HOUR_MS, endMs }, (fromMs) => {
    const aheadMs = (wrong[(turn += 1) % wrong.length] ?? 0) + random() * 0.5 * HOUR_MS;
    const toMs = fromMs + (0.3 + random()) * 6 * HOUR_MS;
    time.at(fromMs, set(aheadMs));
    time.at(toMs, set(0));
    time.at(toMs + HOUR_MS, options.insist);
    return toMs;
  });
}

/** They pin restore points, and roll agents back. */
function people({ time, world, random, ...options }: StoryOptions, told: Told): void {
  const endMs = options.startMs + options.days * DAY_MS;
  const all = { time, world, random, ...options };
  inTurn(all, { apartMs: 20 * HOUR_MS, endMs }, (fromMs) => {
    const agent = pick(random, world.agents);
    const where = random();
    time.at(fromMs, () => {
      const id = world.pin(agent, where);
      if (id !== null) told.pinned.push(id);
    });
    const other = pick(random, world.agents);
    time.at(fromMs + MINUTE_MS, () => world.takeSafety(other));
    return fromMs;
  });
}
