import type { CowherdError } from '../model/errors.ts';

/** The one thing that ends a bracket early, whatever the cause; the first cause wins. */
export interface Stop {
  /** Aborts with the CowherdError of the cause. */
  readonly signal: AbortSignal;
  /** Stops when `source` aborts, with the error that `reason` makes of its reason. */
  follow(source: AbortSignal | undefined, reason: (of: unknown) => CowherdError): void;
  /** Stops after `ms`. */
  limit(ms: number, reason: () => CowherdError): void;
  /** The promise's result, or the cause's error as soon as there is one. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** Forgets every cause that has not come to pass. */
  release(): void;
}

export function createStop(): Stop {
  const controller = new AbortController();
  const { signal } = controller;
  const releases: (() => void)[] = [];
  return {
    signal,
    follow: (source, reason) => {
      if (source === undefined) return;
      const abort = (): void => {
        controller.abort(reason(source.reason));
      };
      releases.push(whenAborted(source, abort));
    },
    limit: (ms, reason) => {
      const timer = setTimeout(() => {
        controller.abort(reason());
      }, ms);
      releases.push(() => {
        clearTimeout(timer);
      });
    },
    race: (promise) => raceAgainst(signal, promise),
    release: () => {
      for (const release of releases.splice(0)) release();
    },
  };
}

function whenAborted(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
  return () => {
    signal.removeEventListener('abort', act);
  };
}

async function raceAgainst<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let release = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    release = whenAborted(signal, () => {
      reject(signal.reason as CowherdError);
    });
  });
  return Promise.race([promise, stopped]).finally(() => {
    release();
  });
}
