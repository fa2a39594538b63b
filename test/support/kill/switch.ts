import { writeSync } from 'node:fs';
import type { Docker } from '../../../src/docker/docker.ts';
import type { Capture, Store } from '../../../src/storage/driver.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { fillUp } from './fill.ts';

/**
 * When the process kills itself: before its `at`-th change (from 1) or `delayMs` after it has begun. `full`: it does not, but
 * the disk is full from then on.
 */
export interface KillAt {
  readonly at: number;
  /** Counts the changes of this name alone, as `install`; default all. */
  readonly step?: string;
  readonly when: 'before' | 'during' | 'full';
  readonly delayMs: number;
  /** Where to fill the disk. */
  readonly fill?: string;
}

/** What changes something, and `flush`, with the guard armed and nothing frozen yet; everything else only looks. */
const CHANGES = new Set([
  ...['capture', 'flush', 'take', 'finish', 'publish', 'discard', 'close'],
  ...['destroy', 'collectLeftovers'],
  ...['stage', 'prepareAside', 'retire', 'install', 'revert', 'destroyNew', 'destroyOld', 'sync'],
  ...['saveRecord', 'dropRecord', 'keepRetired', 'stop', 'start'],
]);

/** The same context; whatever it changes through its stores and Docker passes a switch that kills this process with SIGKILL. */
export async function withKillSwitch(context: Context, kill: KillAt): Promise<Context> {
  const { step = '' } = kill;
  let count = 0;
  let counted = 0;
  const passing = <T>(name: string, call: () => T): T => {
    count += 1;
    writeSync(1, `${String(count)} ${name}\n`);
    if (step !== '' && step !== name) return call();
    counted += 1;
    if (counted !== kill.at) return call();
    if (kill.when === 'before') die();
    if (kill.when === 'during') setTimeout(die, kill.delayMs);
    else fillUp(kill.fill ?? '');
    return call();
  };
  const docker = await context.docker();
  const switched = docker === null ? null : throughSwitch<Docker>(docker, passing);
  return {
    ...context,
    docker: () => Promise.resolve(switched),
    openStore: async (fsId) => throughSwitch<Store>(await context.openStore(fsId), passing),
  };
}

type Passing = <T>(name: string, call: () => T) => T;

function throughSwitch<T extends Docker | Store | Capture>(target: T, passing: Passing): T {
  return new Proxy(target, {
    get: (on, name) => {
      const member: unknown = Reflect.get(on, name);
      if (typeof member !== 'function' || !CHANGES.has(String(name))) return member;
      return (...args: readonly unknown[]): unknown =>
        passing(String(name), () => {
          const result: unknown = Reflect.apply(member, on, args);
          if (name !== 'capture') return result;
          return (result as Promise<Capture>).then((capture) => throughSwitch(capture, passing));
        });
    },
  });
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
