import { hash } from 'node:crypto';

/** One sum for each first byte of a record's digest. */
const BUCKETS = 256;
const LANES = 8;

/** Records in little memory, whatever their number and order: the same sums for the same records, each as often as it comes. */
export interface Fingerprint {
  readonly add: (record: Buffer) => void;
  /** The first bucket in which two differ, or null. */
  readonly differsAt: (other: Fingerprint) => number | null;
  readonly sums: Uint32Array;
}

/** Of no records yet. */
export function fingerprint(): Fingerprint {
  const sums = new Uint32Array(BUCKETS * LANES);
  return {
    add: (record) => {
      const digest = digestOf(record);
      const first = bucketIn(digest) * LANES;
      for (let lane = 0; lane < LANES; lane += 1)
        sums[first + lane] = (sums[first + lane] ?? 0) + digest.readUInt32LE(lane * 4);
    },
    differsAt: (other) => {
      const at = sums.findIndex((sum, index) => sum !== other.sums[index]);
      return at < 0 ? null : Math.floor(at / LANES);
    },
    sums,
  };
}

/** Where a record counts: what two trees have in other buckets need not be looked at again. */
export function bucketOf(record: Buffer): number {
  return bucketIn(digestOf(record));
}

function digestOf(record: Buffer): Buffer {
  return hash('sha256', record, 'buffer');
}

function bucketIn(digest: Buffer): number {
  return digest[0] ?? 0;
}
