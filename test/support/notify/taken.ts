import {
  CHANNELS,
  delivered,
  kept,
  noticesFor,
  observed,
  type Channel,
  type Episode,
  type Problem,
} from '../../../src/model/episodes.ts';

/** A failure with this key. */
export const problem = (key: string, over: Partial<Problem> = {}): Problem => ({
  ...{ key, kind: 'failure', agent: 'alpha', code: 'HOOK_FAILED', message: 'it broke', hint: '' },
  ...over,
});

/** One pass. */
export interface Seen {
  readonly nowMs: number;
  readonly present: readonly string[];
  /** Of the keys that are not present: those of which the pass can tell. */
  readonly looked?: readonly string[];
  /** Which channels take what they are told; default all. */
  readonly taking?: readonly Channel[];
}

/** What was taken in a series of passes, as `CHANNEL KIND KEY`, one list a pass. */
export function taken(passes: readonly Seen[], channels: readonly Channel[] = CHANNELS) {
  let episodes: readonly Episode[] = [];
  const log = passes.map(({ nowMs, present, looked, taking = channels }) => {
    const isOver = (key: string): boolean => looked?.includes(key) ?? true;
    const observation = { problems: present.map((key) => problem(key)), isOver };
    episodes = kept(observed(episodes, observation, nowMs), channels);
    return taking.flatMap((channel) =>
      noticesFor(episodes, channel, nowMs).map((notice) => {
        episodes = kept(delivered(episodes, notice, { channel, nowMs }), channels);
        return `${channel} ${notice.kind} ${notice.key}`;
      }),
    );
  });
  return { log, episodes };
}
