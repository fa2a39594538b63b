import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { MARKED, type ReadManyRequest } from './read-many-protocol.ts';

const AT_ONCE_BYTES = 256 * 1024;

/** The other end of `readMany`: reads what its stdin asks for, with calls that wait for the disk, and ends. */
export async function runReader(): Promise<void> {
  const request = JSON.parse(await text(process.stdin)) as ReadManyRequest;
  let pending: Buffer[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const isTaken = process.stdout.write(Buffer.concat(pending));
    [pending, bytes] = [[], 0];
    if (!isTaken) await once(process.stdout, 'drain');
  };
  for (const name of request.names) {
    const frame = frameOf(request, name);
    pending.push(...frame);
    bytes += frame.reduce((sum, part) => sum + part.length, 0);
    if (bytes >= AT_ONCE_BYTES) await flush();
  }
  await flush();
}

/** Nothing for one that could not be read: whoever asks looks for himself, and finds out why. */
function frameOf({ directory, file, marks, maxBytes }: ReadManyRequest, name: string): Buffer[] {
  try {
    const path = `${directory}/${name}`;
    const content = contentOf(`${path}/${file}`, maxBytes);
    if (content === null) return [];
    const isThere = (mark: string): boolean =>
      lstatSync(`${path}/${mark}`, { throwIfNoEntry: false }) !== undefined;
    const marked = marks.map((mark) => (isThere(mark) ? MARKED : '-')).join('');
    return [Buffer.from(`${String(content.length)} ${marked} ${name}\0`), content];
  } catch {
    return [];
  }
}

function contentOf(path: string, maxBytes: number): Buffer | null {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile() || stats.size > maxBytes) return null;
    const content = Buffer.allocUnsafe(stats.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < content.length; length += read)
      read = readSync(file, content, length, content.length - length, null);
    return content.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
