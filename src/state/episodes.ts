import { mkdir } from 'node:fs/promises';
import { readIfThere, writeDurably } from '../exec/durable.ts';
import type { Episode } from '../model/episodes.ts';
import { CowherdError } from '../model/errors.ts';
import { noticesSchema } from './episodes-schema.ts';

/** The episodes on record, none where there is no record. Throws IO_ERROR where it is damaged, else as Node.js does. */
export async function readEpisodes(state: string): Promise<readonly Episode[]> {
  const text = await readIfThere(fileIn(state));
  if (text === null) return [];
  try {
    return noticesSchema.parse(JSON.parse(text)).episodes;
  } catch (cause) {
    throw new CowherdError('IO_ERROR', `${fileIn(state)} is damaged`, { cause });
  }
}

/** On disk when this returns. Throws as Node.js does. */
export async function writeEpisodes(state: string, episodes: readonly Episode[]): Promise<void> {
  await mkdir(state, { recursive: true, mode: 0o700 });
  await writeDurably(fileIn(state), `${JSON.stringify({ episodes })}\n`);
}

function fileIn(state: string): string {
  return `${state}/notices.json`;
}
