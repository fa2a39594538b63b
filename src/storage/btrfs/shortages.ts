import { run } from '../../exec/run.ts';
import { READ_ONLY_HINT } from '../../model/errors.ts';
import type { Concern } from '../concern.ts';
import type { Layout } from '../files/layout.ts';
import { readMounts } from '../mounts.ts';

const NEARLY_FULL =
  'its metadata is nearly full and no space is unallocated: writes fail though bytes are free';
const READ_ONLY = 'it is read-only: nothing on it can be captured, rolled back or destroyed';
const MIB = 1024 * 1024;
/** Less than this cannot become a chunk of metadata on any but the smallest filesystem. */
const CHUNK_BYTES = 128 * MIB;
const TIGHT = 0.1;

/** What `btrfs filesystem usage -b` says of a filesystem's chunks, in bytes. */
export interface Usage {
  readonly unallocated: number;
  readonly metadataSize: number;
  readonly metadataUsed: number;
  /** Set aside by the kernel inside the metadata. */
  readonly reserved: number;
}

/**
 * `Store.concerns`: a filesystem that was made read-only, or made itself so (btrfs(5), an aborted transaction), and metadata
 * that is nearly full where nothing is left to allocate (btrfs-balance(8), ENOSPC).
 */
export async function concernsOf(layout: Layout): Promise<readonly Concern[]> {
  return [...(await readOnly(layout)), ...(await shortages(layout))];
}

async function readOnly({ top }: Layout): Promise<readonly Concern[]> {
  const mount = (await readMounts()).findLast(({ mountPoint }) => mountPoint === top);
  if (mount?.superOptions.includes('ro') !== true) return [];
  return [{ code: 'READ_ONLY', message: READ_ONLY, mend: READ_ONLY_HINT }];
}

async function shortages(layout: Layout): Promise<readonly Concern[]> {
  const { stdout } = await run('btrfs', ['filesystem', 'usage', '-b', '--', layout.top]);
  const usage = parseUsage(stdout);
  return usage !== null && isTight(usage)
    ? [
        {
          code: 'LOW_SPACE',
          message: NEARLY_FULL,
          mend: 'btrfs balance start -dusage=50 on its mount point',
        },
      ]
    : [];
}

/** True when the next chunk of metadata cannot be had and the present ones are nearly full. */
export function isTight({ unallocated, metadataSize, metadataUsed, reserved }: Usage): boolean {
  const free = metadataSize - metadataUsed - reserved;
  return unallocated < CHUNK_BYTES && free < metadataSize * TIGHT;
}

/** Parses the overall part of `btrfs filesystem usage -b`; null when it does not say all of it (mixed chunks). */
export function parseUsage(text: string): Usage | null {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const usage: Usage = {
    unallocated: number(/^\s+Device unallocated:\s+(\d+)$/m),
    metadataSize: number(/^Metadata,\w+: Size:(\d+)/m),
    metadataUsed: number(/^Metadata,\w+: Size:\d+, Used:(\d+)/m),
    reserved: number(/^\s+Global reserve:\s+(\d+)/m),
  };
  return Object.values(usage).some(Number.isNaN) ? null : usage;
}
