import * as assert from 'uvu/assert';
import type { Run } from '../../../src/model/run.ts';
import type { Host, Performed } from './host.ts';
import type { Told, Window } from './story.ts';
import type { Time } from './time.ts';
import type { World } from './world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export interface Month {
  readonly time: Time;
  readonly world: World;
  readonly host: Host;
  readonly told: Told;
  readonly startMs: number;
  readonly endMs: number;
}

/** A run takes that long at most where no disk is slow, and a daemon so long to notice something. */
const RUN_MS = 6 * MINUTE_MS;

const iso = (ms: number): string => new Date(ms).toISOString();

/** A clock that is put back makes its hours come again: apart from that nobody is captured twice for one occurrence. */
export function expectNoneTwice({ world }: Month): void {
  const seen = new Set<string>();
  for (const { agent, schedule, occurrence, era, trueMs } of world.taken) {
    if (schedule === null) continue;
    const key = `${schedule} ${occurrence} ${agent} ${era}`;
    assert.not.ok(seen.has(key), `twice: ${key} at ${iso(trueMs)}`);
    seen.add(key);
  }
}

/** A schedule runs by itself alone: a run ended before the next began, or its process had. */
export function expectNoOverlap({ host, endMs }: Month): void {
  const bySchedule = Map.groupBy(host.performed, ({ schedule }) => schedule);
  for (const [schedule, steps] of bySchedule) {
    for (const [index, step] of steps.entries()) {
      const next = steps[index + 1];
      if (next === undefined) continue;
      const diedMs = host.down.find(([fromMs]) => fromMs >= step.beganMs)?.[0] ?? endMs;
      assert.ok((step.endedMs ?? diedMs) <= next.beganMs, `${schedule} at ${iso(next.beganMs)}`);
    }
  }
}

/** Between two restore points of an agent by an hourly schedule there is no more than an hour in which the world let it be; by a clock that is put back an hour is longer. */
export function expectNoGaps(month: Month, schedule: string): void {
  const { world, host, told, time, startMs, endMs } = month;
  const forbidden = union([...host.down, ...told.full, ...told.slow]);
  const lost = givenUp(host.performed, schedule);
  const hourly = world.taken.filter((one) => one.schedule === schedule);
  for (const [agent, mine] of Map.groupBy(hourly, (one) => one.agent)) {
    const times = [startMs, ...mine.map(({ trueMs }) => trueMs), endMs];
    for (const [index, toMs] of times.entries()) {
      const fromMs = times[index - 1] ?? startMs;
      if (toMs - fromMs <= HOUR_MS + RUN_MS) continue;
      const within = (window: Window): boolean => window[0] < toMs && window[1] > fromMs;
      const passedBy =
        told.full.filter(within).length + lost.filter((at) => at > fromMs && at < toMs).length;
      // Also by one that is put back while a run is under way that has begun before.
      const backMs = Math.min(HOUR_MS, time.putBack(fromMs - RUN_MS, toMs));
      const ends = host.down.filter(within).length;
      const allowedMs =
        backMs + HOUR_MS * (1 + passedBy) + RUN_MS * (1 + ends + told.slow.filter(within).length);
      const restMs = toMs - fromMs - overlapOf(forbidden, [fromMs, toMs]);
      const said = `${agent}: nothing from ${iso(fromMs)} to ${iso(toMs)}, ${restMs / MINUTE_MS} minutes`;
      assert.ok(restMs <= allowedMs, said);
    }
  }
}

/** When the run of an occurrence was begun for the third time, and its process ended once more. */
function givenUp(performed: readonly Performed[], schedule: string): readonly number[] {
  const cut = performed.filter((one) => one.schedule === schedule && one.endedMs === null);
  return [...Map.groupBy(cut, ({ occurrence, era }) => `${occurrence} ${era}`).values()]
    .filter((ones) => ones.length >= 3)
    .map((ones) => ones.at(-1)?.beganMs ?? 0);
}

/** After each time in which no daemon ran, an hourly schedule is caught up with once, at once, and the rest is on record. */
export function expectCatchUps(month: Month, schedule: string, delayMs: number): number {
  const { host, told, time } = month;
  const begun = host.performed.filter((one) => one.schedule === schedule);
  let count = 0;
  for (const [fromMs, toMs] of host.down) {
    if (toMs - fromMs < 2 * HOUR_MS || fromMs === month.startMs) continue;
    const isFree = !begun.some(({ beganMs }) => beganMs >= fromMs && beganMs < toMs);
    const isRight = time.aheadFor(fromMs - HOUR_MS, toMs + HOUR_MS) === 0;
    if (!isFree || !isRight || told.stateFull.some((w) => w[0] < toMs && w[1] > fromMs)) continue;
    const newest = Math.floor((toMs - delayMs) / HOUR_MS) * HOUR_MS;
    const era = begun.find(({ beganMs }) => beganMs >= toMs)?.era;
    const mine = begun.filter((one) => one.occurrence === iso(newest) && one.era === era);
    assert.ok((mine[0]?.beganMs ?? Infinity) - toMs < MINUTE_MS, `late for ${iso(newest)}`);
    const cut = mine.filter(({ endedMs }) => endedMs === null);
    assert.ok(mine.length - cut.length <= 1, `${mine.length} times ${iso(newest)}`);
    const missed = host.skipped.filter(
      (one) => one.schedule === schedule && one.occurrence === iso(newest - HOUR_MS),
    );
    assert.ok(missed.length > 0, `nobody says that ${iso(newest - HOUR_MS)} was missed`);
    count += 1;
  }
  return count;
}

/** A run that lasts beyond the next occurrences has them on record as skipped. */
export function expectSkipped({ host, time }: Month, schedule: string, delayMs: number): number {
  let count = 0;
  for (const one of host.performed.filter((each) => each.schedule === schedule)) {
    if (one.endedMs === null || time.aheadFor(one.beganMs, one.endedMs) !== 0) continue;
    const newest = Math.floor((one.endedMs - delayMs) / HOUR_MS) * HOUR_MS;
    if (newest <= Date.parse(one.occurrence)) continue;
    const said = host.skipped.find(
      (skip) => skip.schedule === schedule && skip.occurrence === iso(newest),
    );
    const wasEnded = host.down.some(([fromMs]) => fromMs === one.endedMs);
    assert.ok(wasEnded || said !== undefined, `nobody says that ${iso(newest)} was skipped`);
    assert.ok(wasEnded || said?.reason !== '');
    count += 1;
  }
  return count;
}

function union(windows: readonly Window[]): readonly Window[] {
  const merged: [number, number][] = [];
  for (const [fromMs, toMs] of [...windows].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last[1]) last[1] = Math.max(last[1], toMs);
    else merged.push([fromMs, toMs]);
  }
  return merged;
}

function overlapOf(windows: readonly Window[], [fromMs, toMs]: Window): number {
  return windows.reduce(
    (sum, [from, to]) => sum + Math.max(0, Math.min(to, toMs) - Math.max(from, fromMs)),
    0,
  );
}

/** Every run that ended while its history could be kept is in it as it was, and those that were cut short are as that. */
export function expectHistory({ host, told, endMs }: Month, runs: readonly Run[]): void {
  const sinceMs = Math.min(...runs.map(({ startedAt }) => Date.parse(startedAt)));
  const isKept = (atMs: number): boolean =>
    !told.stateFull.some(([from, to]) => atMs >= from && atMs <= to);
  for (const { schedule, step, occurrence, beganMs, endedMs } of host.performed) {
    const doneMs = endedMs ?? beganMs;
    if (
      beganMs < Math.max(sinceMs, endMs - 7 * 24 * HOUR_MS) ||
      !isKept(beganMs) ||
      !isKept(doneMs)
    )
      continue;
    const found = runs.filter(
      (run) => run.schedule === schedule && run.occurrence === occurrence && run.command === step,
    );
    const outcomes =
      endedMs === null ? ['interrupted'] : ['done', 'partly', 'failed', 'interrupted'];
    assert.ok(
      found.some(({ outcome }) => outcomes.includes(outcome)),
      `${schedule} of ${occurrence} is not on record`,
    );
  }
  for (const { schedule, occurrence, trueMs } of host.skipped) {
    if (trueMs < endMs - 7 * 24 * HOUR_MS || !isKept(trueMs)) continue;
    const found = runs.find(
      (run) =>
        run.schedule === schedule && run.occurrence === occurrence && run.outcome === 'skipped',
    );
    assert.ok(
      (found?.reason ?? '') !== '',
      `${schedule} of ${occurrence} was skipped: not on record`,
    );
  }
  for (const { outcome } of runs) assert.is.not(outcome, 'running');
}

/** What recurs every night does so once a night, also where clocks change. */
export function expectOneANight({ world, endMs }: Month, schedule: string, timeZone: string): void {
  const sinceMs = endMs - 10 * 24 * HOUR_MS;
  const mine = world.taken.filter((one) => one.schedule === schedule && one.trueMs > sinceMs);
  const times = [...new Set(mine.map(({ occurrence }) => occurrence ?? ''))];
  const nights = times.map((time) => new Date(time).toLocaleDateString('en', { timeZone }));
  assert.is(new Set(nights).size, nights.length, times.join(' '));
  assert.ok(nights.length > 5, times.join(' '));
}
