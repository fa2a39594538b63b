import { systemCode } from '../../../src/model/errors.ts';
import { freezerOf } from '../kill/frozen.ts';
import { sleep } from '../lab/run.ts';
import type { Herd } from './herd.ts';

const EVERY_MS = 20;

/** What was seen of the freezes of a herd. */
export interface Freezes {
  /** The longest time (ms) that each container was frozen at every look. */
  end(): Promise<Readonly<Record<string, number>>>;
}

/** Looks at every container's freezer again and again until `end`. */
export async function watchFreezes({ lab, agents }: Herd): Promise<Freezes> {
  const freezers = await Promise.all(agents.map(({ container }) => freezerOf(lab, container)));
  const longest = new Map(agents.map(({ container }) => [container, 0]));
  const since = new Map<string, number>();
  let over = false;
  const look = (): void => {
    const now = performance.now();
    for (const { container, frozen } of freezers) {
      if (isFrozen(frozen)) since.set(container, since.get(container) ?? now);
      else since.delete(container);
      const lasted = now - (since.get(container) ?? now);
      longest.set(container, Math.max(longest.get(container) ?? 0, lasted));
    }
  };
  const looking = (async () => {
    while (!over) {
      look();
      await sleep(EVERY_MS);
    }
  })();
  return {
    end: async () => {
      over = true;
      await looking;
      return Object.fromEntries(longest);
    },
  };
}

/** The cgroup of a stopped container is gone, and comes back under its name. */
function isFrozen(frozen: () => boolean): boolean {
  try {
    return frozen();
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}
