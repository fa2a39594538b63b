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
