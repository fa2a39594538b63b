import { readIfThere, writeDurably } from '../../exec/durable.ts';

function noteIn(place: string): string {
  return `${place}/archive`;
}

/** The archive that a copy was last written to, or null. */
export async function lastArchive(place: string): Promise<string | null> {
  const text = await readIfThere(noteIn(place));
  return text === null || !/^[A-Za-z0-9_.%~-]+$/.test(text) ? null : text;
}

export async function noteArchive(place: string, name: string): Promise<void> {
  await writeDurably(noteIn(place), name);
}
