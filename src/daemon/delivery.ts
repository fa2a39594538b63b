import type { Notice } from '../model/episodes.ts';
import type { Bounds, Configured } from './channels.ts';

export interface DeliveryOptions extends Pick<Configured, 'label' | 'send'> {
  /** What the channel is to be told now. */
  readonly due: () => readonly Notice[];
  readonly delivered: (notice: Notice) => void;
  readonly jsonOf: (notice: Notice) => string;
  readonly tell: (line: string) => void;
  /** Monotonic milliseconds. */
  readonly ticks: () => number;
  readonly signal: AbortSignal;
  readonly bounds: Bounds;
}

/**
 * A channel's deliveries, one at a time: what is returned begins a round, where none is under way and the channel does not rest after
 * a failure, and gives its end. A round ends with the first notice that is not taken; that one comes last in the next.
 */
export function deliveryOf(options: DeliveryOptions): () => Promise<void> {
  const { label, tell, ticks, signal, bounds } = options;
  const failed = new Map<string, number>();
  let underWay: Promise<void> | null = null;
  let failures = 0;
  let restsUntil = -Infinity;
  let said: string | null = null;

  const round = async (): Promise<void> => {
    const fault = await deliverAll(options, failed);
    failures = fault === null ? 0 : failures + 1;
    if (fault === null) said = null;
    if (fault === null || signal.aborted) return;
    const restMs = Math.min(bounds.restMs * 2 ** (failures - 1), bounds.longestRestMs);
    restsUntil = ticks() + restMs;
    if (fault !== said) tell(`warning: ${label}: ${fault}; what it was to be told waits`);
    said = fault;
  };

  return async () => {
    if (underWay !== null) return underWay;
    if (signal.aborted || ticks() < restsUntil) return;
    underWay = round().finally(() => (underWay = null));
    return underWay;
  };
}

/** Why the round ended before everything was delivered, or null. */
async function deliverAll(
  { due, delivered, jsonOf, send, signal }: DeliveryOptions,
  failed: Map<string, number>,
): Promise<string | null> {
  const tried = new Set<string>();
  const keys = new Set(due().map(({ key }) => key));
  for (const key of failed.keys()) if (!keys.has(key)) failed.delete(key);
  const rank = ({ key }: Notice): number => failed.get(key) ?? 0;
  for (;;) {
    const [notice] = due()
      .filter(({ key, kind }) => !tried.has(`${kind} ${key}`))
      .sort((a, b) => rank(a) - rank(b));
    if (notice === undefined) return null;
    tried.add(`${notice.kind} ${notice.key}`);
    try {
      await send(jsonOf(notice), signal);
    } catch (error) {
      failed.set(notice.key, rank(notice) + 1);
      return error instanceof Error ? error.message : String(error);
    }
    failed.delete(notice.key);
    delivered(notice);
  }
}
