import { CowherdError } from '../model/errors.ts';
import { freezeCgroups, isGone } from './freezer.ts';
import type { ContainerPort, FreezeTarget } from './port.ts';
import { thawTargets, unpauseBy } from './thaw.ts';
import { invalidated, isHeld, targetOf } from './watch.ts';
import type { Watched } from './watch.ts';

/** What Docker did with our pause: `unknown` when it did not answer and may still do it. */
type PauseFate = 'paused' | 'refused' | 'unknown';

/** One freeze of a set of containers, from its first write to its verified thaw. */
export class Freeze {
  /** Those this freeze is to freeze, and to thaw; empty when all rest or are frozen by their owners. */
  readonly targets: readonly FreezeTarget[];
  readonly #watched: readonly Watched[];
  readonly #port: ContainerPort;
  readonly #now: () => number;
  readonly #pauses = new Map<string, Promise<PauseFate>>();
  #touched: readonly FreezeTarget[] = [];
  #beganAt: number | null = null;

  constructor(watched: readonly Watched[], port: ContainerPort, now: () => number) {
    this.targets = watched.flatMap((one) => targetOf(one) ?? []);
    this.#watched = watched;
    this.#port = port;
    this.#now = now;
  }

  /** Freezes all and waits until all are. Throws CAPTURE_INVALIDATED, the signal's reason, or what the port throws; then `thaw` is due as well. */
  async start(signal: AbortSignal): Promise<void> {
    this.#expectUnheld();
    this.#beganAt = this.#now();
    this.#touched = this.targets;
    const pauses = this.targets
      .filter((target) => target.method === 'pause')
      .map((target) => this.#pause(target));
    const settled = Promise.allSettled(pauses);
    await freezeCgroups(this.#cgroups(), signal).catch((error: unknown) => {
      throw isGone(error) ? invalidated(this.#names(), 'ended before it was frozen') : error;
    });
    await settled;
    await Promise.all(pauses);
  }

  /** Thaws what `start` touched, all at once, and gives how long it was frozen (ms) and what may still be. */
  async thaw(): Promise<{ readonly frozenMs: number; readonly left: readonly FreezeTarget[] }> {
    const left = await thawTargets(this.#touched, (containerId) => this.#unpause(containerId));
    const frozenMs =
      this.#beganAt === null || this.targets.length === 0 ? 0 : this.#now() - this.#beganAt;
    return { frozenMs, left };
  }

  /** The last look before the first write: what its owner froze in the meantime is not ours to thaw. */
  #expectUnheld(): void {
    const held = this.#watched.find(
      ({ method, cgroup }) => method !== null && cgroup !== null && isHeld(cgroup),
    );
    if (held !== undefined)
      throw invalidated(held.container.name, 'was frozen by someone else just before our freeze');
  }

  #cgroups() {
    return this.targets.flatMap(({ method, cgroup }) =>
      method === 'cgroup' && cgroup !== null ? [cgroup] : [],
    );
  }

  #names(): string {
    return this.targets.map(({ name }) => name).join(', ');
  }

  async #pause({ containerId }: FreezeTarget): Promise<void> {
    const pausing = this.#port.pause(containerId);
    this.#pauses.set(
      containerId,
      pausing.then(() => 'paused', fateOf),
    );
    await pausing;
  }

  /** Waits for our own pause to be answered, lest it come to pass after its undoing. */
  async #unpause(containerId: string): Promise<boolean> {
    const fate = await this.#pauses.get(containerId);
    return fate === 'refused' || unpauseBy(this.#port)(containerId);
  }
}

function fateOf(error: unknown): PauseFate {
  return error instanceof CowherdError && error.code === 'TOOL_FAILED' ? 'refused' : 'unknown';
}
