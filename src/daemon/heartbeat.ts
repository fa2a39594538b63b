import { ask } from './http.ts';

export interface HeartOptions {
  /** `notify.heartbeat`; null for none. */
  readonly address: string | null;
  readonly timeoutMs: number;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Heart {
  readonly beat: () => void;
  /** The end of the beat that is under way. */
  readonly beaten: () => Promise<void>;
}

/** One beat at a time; a failure is told once, until one gets through again. */
export function heart({ address, timeoutMs, tell, signal }: HeartOptions): Heart {
  let beating: Promise<void> | null = null;
  let said: string | null = null;
  const beatOnce = async (to: string): Promise<void> => {
    try {
      await ask(to, { method: 'GET', timeoutMs, signal });
      said = null;
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      const line = `warning: notify.heartbeat (${new URL(to).origin}): ${fault}`;
      if (fault !== said && !signal.aborted) tell(line);
      said = fault;
    }
  };
  return {
    beat: () => {
      if (address === null || signal.aborted) return;
      beating ??= beatOnce(address).finally(() => (beating = null));
    },
    beaten: async () => beating ?? Promise.resolve(),
  };
}
