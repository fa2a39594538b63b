import { Writable } from 'node:stream';

/** A stream that keeps only the last bytes written to it. */
export interface Tail {
  readonly stream: Writable;
  /** What it kept, as UTF-8 with a cut first character replaced. */
  text(): string;
}

/** Keeps `limit` bytes, however much is written. */
export function keepTail(limit: number): Tail {
  let kept = Buffer.alloc(0);
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      kept = Buffer.concat([kept, chunk]).subarray(-limit);
      done();
    },
  });
  return { stream, text: () => kept.toString('utf8') };
}
