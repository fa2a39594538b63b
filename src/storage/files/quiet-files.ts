import { lstat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { systemCode } from '../../model/errors.ts';

/** How far the clock that stamps files may lag behind the other (jiffies), and some. */
const MARGIN_MS = 1_000;
const NS_PER_MS = 1_000_000n;

export interface QuietRequest {
  /** A volume's data, by a mount in which no link is followed. */
  readonly live: string;
  /** What was copied of it. */
  readonly tree: string;
  /** When the copying began. */
  readonly since: Date;
}

/**
 * Whether nobody has written to any of these files of a volume, made or removed one, since before the last pass over it began: what was copied of
 * them is of one moment. Told by their change times, which no program can set.
 */
export async function areQuiet(
  { live, tree, since }: QuietRequest,
  paths: readonly Buffer[],
): Promise<boolean> {
  const before = BigInt(since.getTime() - MARGIN_MS) * NS_PER_MS;
  for (const path of paths) {
    const [now, copied] = await Promise.all([lookAt(live, path), lookAt(tree, path)]);
    if (now === null && copied === null) continue;
    if (now === null || copied === null || !isCopied(now, copied)) return false;
    if (now.ctimeNs >= before) return false;
  }
  return true;
}

function isCopied(now: BigIntStats, copied: BigIntStats): boolean {
  return (
    now.isFile() && copied.isFile() && now.size === copied.size && now.mtimeNs === copied.mtimeNs
  );
}

async function lookAt(root: string, path: Buffer): Promise<BigIntStats | null> {
  try {
    return await lstat(Buffer.concat([Buffer.from(`${root}/`), path]), { bigint: true });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(error) ?? '')) return null;
    throw error;
  }
}
