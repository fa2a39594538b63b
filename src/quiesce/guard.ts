import { entryPath, spawnOwn } from '../exec/spawn-own.ts';
import { GuardLink } from './guard-link.ts';
import type { ArmedBracket } from './guard-link.ts';
import type { ArmRequest } from './guard-protocol.ts';

/** The client of the one guard process of this run. */
export interface Guard {
  /** Starts the process unless it runs, and gives its pid; call it early, starting takes tens of milliseconds. Throws GUARD_LOST. */
  start(): number;
  /** Resolves when the guard has acknowledged; only then may anything be frozen. Starts a new process if the last was lost. Throws GUARD_LOST. */
  arm(request: ArmRequest): Promise<ArmedBracket>;
  /** Ends the process, which thaws what is still armed. */
  close(): void;
}

/** A guard whose process starts with the first use. Without `close` it ends with our process. */
export function createGuard(): Guard {
  let link: GuardLink | null = null;
  const living = (): GuardLink =>
    (link =
      link === null || link.lost !== null ? new GuardLink(spawnOwn(entryPath('guard'))) : link);
  return {
    start: () => living().pid,
    arm: (request) => living().arm(request),
    close: () => {
      link?.close();
      link = null;
    },
  };
}
