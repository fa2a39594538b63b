import { randomUUID } from 'node:crypto';
import { CowherdError } from '../model/errors.ts';
import { captureAndThaw } from './capture.ts';
import type { Bracketed, CaptureRequest } from './capture.ts';
import { Freeze } from './freeze.ts';
import type { Guard } from './guard.ts';
import { protect } from './protect.ts';
import { createStop } from './stop.ts';
import { expectSameLife, watchContainers } from './watch.ts';
import type { BracketContainer, Watched } from './watch.ts';

export interface BracketRequest<T> extends CaptureRequest<T> {
  /** The alive containers that can write to what is captured. */
  readonly containers: readonly BracketContainer[];
  /** `auto`: by the cgroup where possible, else docker pause; `none`: nothing is frozen or checked. */
  readonly mode: 'auto' | 'pause' | 'none';
  readonly guard: Guard;
  readonly runtimeDir: string;
  /** Milliseconds since the epoch, with their fraction. */
  readonly now: () => number;
  /** Ctrl-C and SIGTERM: thaws at once, then INTERRUPTED. */
  readonly interrupt?: AbortSignal;
  /** Processes that no freeze may reach besides us, the guard and the containers' shims: dockerd, containerd. */
  readonly protectedPids?: readonly number[];
  /** Names the record; default a random UUID. */
  readonly newId?: () => string;
}

/**
 * Flushes, freezes all containers, captures, thaws them, and vouches that nobody wrote in between. However it ends, it ends thawed.
 * Throws FREEZE_TIMEOUT, GUARD_LOST, CAPTURE_INVALIDATED, INTERRUPTED (the capture has then settled or had 30 s to), IO_ERROR when
 * the thaw could not be verified (the guard goes on trying), and what flush, capture and the port throw.
 */
export async function bracket<T>(request: BracketRequest<T>): Promise<Bracketed<T>> {
  const stop = createStop();
  stop.follow(request.interrupt, interrupted);
  try {
    const watched = await stop.race(watchedOf(request));
    const freeze = new Freeze(watched, request.port, request.now);
    const protection = await protectionOf(request, freeze);
    stop.follow(protection?.ended, (reason) => reason as CowherdError);
    const result = await captureAndThaw({ request, watched, freeze, protection, stop });
    await expectSameLife(watched, request.port);
    return result;
  } finally {
    stop.release();
  }
}

async function watchedOf<T>(request: BracketRequest<T>): Promise<readonly Watched[]> {
  const { containers, mode, port, guard } = request;
  if (mode === 'none' || containers.length === 0) return [];
  const protectedPids = [guard.start(), ...(request.protectedPids ?? [])];
  return watchContainers({ containers, mode, port, protectedPids });
}

async function protectionOf<T>(request: BracketRequest<T>, { targets }: Freeze) {
  if (targets.length === 0) return null;
  const { guard, runtimeDir, maxFreezeMs, port, newId = randomUUID } = request;
  const createdAt = new Date(request.now()).toISOString();
  const record = { runtimeDir, id: newId(), socket: port.socket, createdAt, targets };
  return protect({ guard, maxFreezeMs, ...record });
}

function interrupted(): CowherdError {
  const message = 'interrupted; nothing stays frozen';
  return new CowherdError('INTERRUPTED', message, { hint: 'run it again' });
}
