import type { Readable } from 'node:stream';

const KEPT_BYTES = 4_096;

/** Drains a stream for ever and keeps its last bytes; the returned function gives them as UTF-8 text. */
export function keepTail(stream: Readable, keptBytes = KEPT_BYTES): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk.subarray(-keptBytes)]).subarray(-keptBytes);
  });
  stream.on('error', () => undefined);
  return () => tail.toString('utf8');
}

const KEPT_START = 2_048;

/** The same, with its first bytes too: what went wrong first is not lost behind all that follows from it. */
export function keepEnds(stream: Readable): () => string {
  let start = Buffer.alloc(0);
  let seen = 0;
  const tail = keepTail(stream);
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.length;
    if (start.length < KEPT_START)
      start = Buffer.concat([start, chunk.subarray(0, KEPT_START - start.length)]);
  });
  return () => (seen <= KEPT_BYTES ? tail() : `${start.toString('utf8')}\n[…]\n${tail()}`);
}
