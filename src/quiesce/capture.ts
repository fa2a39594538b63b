import { setTimeout } from 'node:timers/promises';
import { hush } from '../exec/hush.ts';
import { CowherdError } from '../model/errors.ts';
import type { Freeze } from './freeze.ts';
import type { ContainerPort, FreezeTarget } from './port.ts';
import type { Protection } from './protect.ts';
import type { Stop } from './stop.ts';
import { expectFrozen } from './watch.ts';
import type { Watched } from './watch.ts';

const SETTLE_LIMIT_MS = 30_000;
const TIMEOUT_HINT = 'raise quiesce.maxFreeze, or find out what keeps the filesystem busy';

export interface Bracketed<T> {
  readonly value: T;
  /** From just before the first freeze to just after the last thaw was verified; 0 when nothing was frozen by us. */
  readonly frozenMs: number;
}

/** What brackets on one filesystem have one after the other. */
export interface Turn {
  readonly release: () => void;
}

export interface CaptureRequest<T> {
  readonly maxFreezeMs: number;
  readonly port: ContainerPort;
  /** Waited for when all is prepared, held from before the flush until the thaw and the end of the capture; without it nothing is. */
  readonly turn?: () => Promise<Turn>;
  /** Writes dirty data out before the freeze; has a time limit of its own. */
  readonly flush: () => Promise<void>;
  /**
   * The only thing done while all are frozen. Ends soon when the signal aborts. What it made is the caller's to remove when the
   * bracket throws.
   */
  readonly capture: (signal: AbortSignal) => Promise<T>;
}

/** One bracket under way; `protection` null: nothing is to be frozen. */
export interface Session<T> {
  readonly request: CaptureRequest<T>;
  readonly watched: readonly Watched[];
  readonly freeze: Freeze;
  readonly protection: Protection | null;
  readonly stop: Stop;
}

/** Flush, freeze, capture and, however that went, thaw. Throws as `bracket` does, the first cause before what followed from it. */
export async function captureAndThaw<T>(session: Session<T>): Promise<Bracketed<T>> {
  const { freeze, protection, stop } = session;
  const captures: Promise<T>[] = [];
  const turns: Promise<Turn>[] = [];
  const hushes: (() => void)[] = [];
  const [outcome] = await Promise.allSettled([captureFrozen(session, { captures, turns, hushes })]);
  const { frozenMs, left } = await freeze.thaw();
  for (const over of hushes) over();
  stop.release();
  const settled = settle(captures).finally(() => {
    for (const turn of turns) void turn.then(release, () => undefined);
  });
  const [released] = await Promise.allSettled([standDown(left, protection)]);
  await settled;
  if (left.length > 0) throw notThawed(left);
  stop.signal.throwIfAborted();
  if (outcome.status === 'rejected') throw outcome.reason;
  if (released.status === 'rejected') throw released.reason;
  return { value: outcome.value, frozenMs };
}

async function standDown(left: readonly unknown[], protection: Protection | null): Promise<void> {
  if (left.length === 0) await protection?.release();
  else protection?.takeOver();
}

function release(turn: Turn): void {
  turn.release();
}

/** What is to be ended, however the bracket ends. */
interface Begun<T> {
  readonly captures: Promise<T>[];
  readonly turns: Promise<Turn>[];
  readonly hushes: (() => void)[];
}

/** Nothing that can be slow happens between freeze and return but the capture itself. */
async function captureFrozen<T>(
  session: Session<T>,
  { captures, turns, hushes }: Begun<T>,
): Promise<T> {
  const { request, watched, freeze, protection, stop } = session;
  if (request.turn !== undefined) turns.push(request.turn());
  await stop.race(Promise.all(turns));
  await stop.race(request.flush());
  const { maxFreezeMs } = request;
  const lastMs = performance.now() + maxFreezeMs;
  if (protection !== null) stop.limit(maxFreezeMs, () => timedOut(maxFreezeMs));
  protection?.freezing();
  if (protection !== null) hushes.push(hush());
  await stop.race(freeze.start(stop.signal));
  await expectStill();
  const capturing = request.capture(stop.signal);
  captures.push(capturing);
  const value = await stop.race(capturing);
  await expectStill();
  return value;

  async function expectStill(): Promise<void> {
    try {
      await stop.race(expectFrozen(watched, request.port));
    } catch (error) {
      // The guard's clock is the same: where we were late for ours, it was the guard that thawed.
      throw protection !== null && performance.now() >= lastMs ? timedOut(maxFreezeMs) : error;
    }
  }
}

/** Waits for the capture, thawed long since, so that no late image appears behind its caller's back; a hung one gets 30 s. */
async function settle(captures: readonly Promise<unknown>[]): Promise<void> {
  const settled = new AbortController();
  const late = setTimeout(SETTLE_LIMIT_MS, undefined, { signal: settled.signal });
  await Promise.race([Promise.allSettled(captures), late.catch(() => undefined)]);
  settled.abort();
}

function notThawed(left: readonly FreezeTarget[]): CowherdError {
  const names = left.map(({ name }) => name).join(', ');
  return new CowherdError('IO_ERROR', `it is not sure that ${names} is thawed`, {
    hint: 'the guard goes on trying; look at it, run cowherd thaw, and docker unpause if need be',
  });
}

function timedOut(maxFreezeMs: number): CowherdError {
  const message = `the capture took longer than maxFreeze (${String(maxFreezeMs)} ms)`;
  return new CowherdError('FREEZE_TIMEOUT', message, { hint: TIMEOUT_HINT });
}
