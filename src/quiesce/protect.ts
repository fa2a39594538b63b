import { CowherdError } from '../model/errors.ts';
import type { Guard } from './guard.ts';
import type { ArmedBracket } from './guard-link.ts';
import type { FreezeTarget } from './port.ts';
import { removeRecord, writeRecord } from './records.ts';

export interface ProtectRequest {
  readonly guard: Guard;
  readonly runtimeDir: string;
  readonly id: string;
  readonly createdAt: string;
  readonly socket: string | null;
  readonly targets: readonly FreezeTarget[];
  readonly maxFreezeMs: number;
}

/** An armed guard and a record on disk: while it lasts somebody else thaws if we cannot. */
export interface Protection extends Omit<ArmedBracket, 'disarm'> {
  /** To be called after the verified thaw: the guard lets go, the record is gone. Throws what the guard ended with meanwhile. */
  release(): Promise<void>;
}

/** Writes the record, then arms the guard; only after that may anything be frozen. Throws GUARD_LOST or the record's system error. */
export async function protect({ guard, ...request }: ProtectRequest): Promise<Protection> {
  const { id: bracketId, targets, maxFreezeMs, socket } = request;
  targets.forEach((target) => {
    expectThawable(target, socket);
  });
  const recordFile = writeRecord(request);
  try {
    const armed = await guard.arm({ bracketId, targets, maxFreezeMs, recordFile, socket });
    return { ...armed, release: () => release(armed, recordFile) };
  } catch (error) {
    removeRecord(recordFile);
    throw error;
  }
}

async function release(armed: ArmedBracket, recordFile: string): Promise<void> {
  try {
    await armed.disarm();
  } finally {
    removeRecord(recordFile);
  }
  armed.ended.throwIfAborted();
}

function expectThawable({ name, method, cgroup }: FreezeTarget, socket: string | null): void {
  if (method === 'cgroup' || cgroup !== null || socket !== null) return;
  throw new CowherdError(
    'GUARD_LOST',
    `the guard could not thaw container ${name}: it has neither a cgroup nor a Docker socket for it`,
    {
      hint: 'set docker.socket to the unix socket of the daemon, or quiesce.freeze to none',
    },
  );
}
