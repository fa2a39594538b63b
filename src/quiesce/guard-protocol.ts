import type { FreezeTarget } from './port.ts';

/** One bracket that the guard is to watch. */
export interface ArmRequest {
  readonly bracketId: string;
  readonly targets: readonly FreezeTarget[];
  readonly maxFreezeMs: number;
  /** Removed by the guard when it had to thaw because we died. */
  readonly recordFile: string;
  readonly socket: string | null;
}

/**
 * What we tell the guard, one JSON document a line. `freezing` starts its clock, `takeOver` lets it thaw until that holds and then
 * forget the bracket; neither is answered.
 */
export type GuardRequest =
  | ({ readonly type: 'arm' } & ArmRequest)
  | { readonly type: 'freezing' | 'takeOver' | 'disarm'; readonly bracketId: string };

/** What the guard tells us. `fired`: maxFreeze passed on its clock and it has thawed. */
export interface GuardReply {
  readonly type: 'armed' | 'disarmed' | 'fired';
  readonly bracketId: string;
}

/** Turns chunks into whole lines, in order; what follows the last line feed waits for the next chunk. */
export function splitLines(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  };
}
