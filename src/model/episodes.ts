/** Where notices go. */
export const CHANNELS = ['webhook', 'command'] as const;
export type Channel = (typeof CHANNELS)[number];

/** Something that is not as it should be now; its key stays the same while it lasts. */
export interface Problem {
  readonly key: string;
  readonly kind: 'failure' | 'overdue';
  /** Null where it concerns the host. */
  readonly agent: string | null;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A problem from its beginning until every channel knows that it is over. */
export interface Episode extends Problem {
  readonly sinceMs: number;
  /** Null while it lasts. */
  readonly endedMs: number | null;
  /** When each channel was last told that it lasts, or that it knows of the end. */
  readonly told: Readonly<Partial<Record<Channel, number | 'over'>>>;
}

export interface Notice extends Omit<Problem, 'kind'> {
  readonly kind: 'failure' | 'overdue' | 'reminder' | 'recovery';
  readonly sinceMs: number;
  readonly atMs: number;
}

/** What a pass has seen. A problem that is not among them has ended only where the pass could tell. */
export interface Observation {
  readonly problems: readonly Problem[];
  readonly isOver: (key: string) => boolean;
}

const REMINDED_EVERY_MS = 24 * 60 * 60_000;

/** The episodes after a pass: new ones begin, what is over ends, what comes back begins anew for whoever was told of its end. */
export function observed(
  episodes: readonly Episode[],
  { problems, isOver }: Observation,
  nowMs: number,
): readonly Episode[] {
  const present = new Map<string, Problem>();
  for (const problem of problems) if (!present.has(problem.key)) present.set(problem.key, problem);
  const before = episodes.map((episode) => {
    const problem = present.get(episode.key);
    present.delete(episode.key);
    return notInFuture(problem === undefined ? missing(episode) : again(episode, problem), nowMs);
  });
  const begun = [...present.values()].map((problem) => ({
    ...problem,
    sinceMs: nowMs,
    endedMs: null,
    told: {},
  }));
  return [...before, ...begun];

  function missing(episode: Episode): Episode {
    return episode.endedMs === null && isOver(episode.key)
      ? { ...episode, endedMs: nowMs }
      : episode;
  }

  function again(episode: Episode, problem: Problem): Episode {
    if (episode.endedMs === null) return { ...episode, ...problem };
    const told = Object.entries(episode.told).filter(([, at]) => at !== 'over');
    return {
      ...{ ...episode, ...problem },
      sinceMs: nowMs,
      endedMs: null,
      told: Object.fromEntries(told),
    };
  }
}

/** A clock that was put back must not keep reminders away for as long as it was ahead. */
function notInFuture(episode: Episode, nowMs: number): Episode {
  const told = Object.entries(episode.told).map(([channel, at]) => [
    channel,
    at === 'over' ? at : Math.min(at, nowMs),
  ]);
  return { ...episode, told: Object.fromEntries(told) as Episode['told'] };
}

/** What a channel is to be told now, in the order in which it began. What it was not told while it lasted it is told when it is over. */
export function noticesFor(
  episodes: readonly Episode[],
  channel: Channel,
  nowMs: number,
): readonly Notice[] {
  return episodes.flatMap(({ told, endedMs, ...episode }): readonly Notice[] => {
    const at = told[channel];
    if (at === 'over') return [];
    const { message } = episode;
    const notice = { ...episode, atMs: nowMs };
    if (endedMs !== null)
      return [{ ...notice, kind: 'recovery', message: `over: ${message}`, hint: '' }];
    if (at === undefined) return [notice];
    return nowMs - at >= REMINDED_EVERY_MS ? [{ ...notice, kind: 'reminder' }] : [];
  });
}

/** The episodes once a channel has taken a notice, whatever has become of the problem in the meantime. */
export function delivered(
  episodes: readonly Episode[],
  { key, kind }: Pick<Notice, 'key' | 'kind'>,
  { channel, nowMs }: { readonly channel: Channel; readonly nowMs: number },
): readonly Episode[] {
  return episodes.map((episode) => {
    if (episode.key !== key) return episode;
    if (kind !== 'recovery') return { ...episode, told: { ...episode.told, [channel]: nowMs } };
    if (episode.endedMs !== null)
      return { ...episode, told: { ...episode.told, [channel]: 'over' } };
    const others = Object.entries(episode.told).filter(([name]) => name !== channel);
    return { ...episode, told: Object.fromEntries(others) };
  });
}

/** Without those whose end every channel there is knows. */
export function kept(
  episodes: readonly Episode[],
  channels: readonly Channel[],
): readonly Episode[] {
  return episodes.filter(
    ({ endedMs, told }) => endedMs === null || channels.some((channel) => told[channel] !== 'over'),
  );
}
