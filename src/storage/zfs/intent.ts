import { writeFile } from 'node:fs/promises';
import { readIfThere } from '../../exec/durable.ts';
import { parseImages } from './images-schema.ts';

const FILE = 'images.json';

/**
 * Notes in a directory what is about to be taken for it, before it is: a transaction group holds either both or the note alone,
 * so that what a crash leaves is known without a search.
 */
export async function noteImages(directory: string, snapshots: readonly string[]): Promise<void> {
  await writeFile(`${directory}/${FILE}`, JSON.stringify({ snapshots }), { mode: 0o600 });
}

/** Full names that were noted; none where there is no note. */
export async function notedImages(directory: string): Promise<readonly string[]> {
  const text = await readIfThere(`${directory}/${FILE}`);
  return text === null ? [] : parseImages(text);
}
