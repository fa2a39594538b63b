import { Socket } from 'node:net';
import { CowherdError } from '../model/errors.ts';
import { leaveBehind } from './bounded.ts';
import { untilQuiet } from './hush.ts';
import { eachInTime, patience } from './patience.ts';
import { MARKED, type ReadManyRequest } from './read-many-protocol.ts';
import { entryPath, spawnOwn, type OwnProcess } from './spawn-own.ts';

export interface ReadFile {
  readonly name: string;
  readonly text: string;
  /** The marks that are there. */
  readonly marks: ReadonlySet<string>;
}

const TIMEOUT_MS = 10 * 60_000;

/**
 * Small files of many directories, read by a process of its own: a tenth of what it costs here, and a disk that does not answer holds up nobody
 * else. What could not be read is left out. Throws IO_ERROR where nothing comes for ten minutes.
 */
export async function* readMany(
  request: ReadManyRequest,
): AsyncGenerator<readonly ReadFile[], void> {
  await untilQuiet();
  const child = spawnOwn(entryPath('read-many'));
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined).end(JSON.stringify(request));
  child.ref();
  if (child.stdout instanceof Socket) child.stdout.ref();
  const inTime = patience(undefined, TIMEOUT_MS, () => stuck(request));
  try {
    yield* frames(eachInTime(child.stdout, inTime), request);
  } finally {
    end(child);
  }
}

function end(child: OwnProcess): void {
  child.kill('SIGKILL');
  leaveBehind(child);
}

/** What has come whole, chunk by chunk; ends at a frame that is not whole. */
async function* frames(
  chunks: AsyncIterable<Buffer>,
  { marks }: ReadManyRequest,
): AsyncGenerator<readonly ReadFile[], void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    await untilQuiet();
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const read: ReadFile[] = [];
    for (let found = firstFrame(rest); found !== null; found = firstFrame(rest)) {
      const { name, marked, text, length } = found;
      read.push({ name, text, marks: new Set(marks.filter((_, at) => marked[at] === MARKED)) });
      rest = rest.subarray(length);
    }
    yield read;
  }
}

function firstFrame(bytes: Buffer) {
  const headerEnd = bytes.indexOf(0);
  if (headerEnd === -1) return null;
  const [size = '', marked = '', ...name] = bytes.toString('utf8', 0, headerEnd).split(' ');
  const length = headerEnd + 1 + Number(size);
  if (bytes.length < length) return null;
  return {
    name: name.join(' '),
    marked,
    length,
    text: bytes.toString('utf8', headerEnd + 1, length),
  };
}

function stuck({ directory }: ReadManyRequest): CowherdError {
  return new CowherdError('IO_ERROR', `what is in ${directory} could not be read in time`, {
    hint: 'its disk does not answer: look at the kernel log',
  });
}
