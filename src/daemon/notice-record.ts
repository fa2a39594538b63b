import type { Episode } from '../model/episodes.ts';
import { toCowherdError } from '../model/errors.ts';
import { readEpisodes, writeEpisodes } from '../state/episodes.ts';

export interface NoticeRecord {
  /** None where they cannot be read, which is told. */
  readonly read: () => Promise<readonly Episode[]>;
  /** Written beside everything else, the newest there is; what fails is told once, and tried again with the next. */
  readonly write: (episodes: readonly Episode[]) => void;
  readonly written: () => Promise<void>;
}

/** The record of what was told to whom, in the state directory. */
export function recordOf(state: string, tell: (line: string) => void): NoticeRecord {
  let wanted: readonly Episode[] = [];
  let onDisk: string | null = null;
  let writing = Promise.resolve();
  let isFailing = false;
  const warn = (what: string, error: unknown): void => {
    const { code, message } = toCowherdError(error);
    tell(`warning: ${code}: what was told to whom could not be ${what}: ${message}`);
  };
  const writeNewest = async (): Promise<void> => {
    const episodes = wanted;
    const text = JSON.stringify(episodes);
    if (text === onDisk) return;
    try {
      await writeEpisodes(state, episodes);
      onDisk = text;
      isFailing = false;
    } catch (error) {
      if (!isFailing) warn('noted', error);
      isFailing = true;
    }
  };
  return {
    read: async () => {
      try {
        const episodes = await readEpisodes(state);
        onDisk = JSON.stringify(episodes);
        return episodes;
      } catch (error) {
        warn('read', error);
        return [];
      }
    },
    write: (episodes) => {
      wanted = episodes;
      writing = writing.then(writeNewest);
    },
    written: async () => writing,
  };
}
