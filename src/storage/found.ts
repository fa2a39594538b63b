import { lstat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Volume } from '../model/agent.ts';
import type { Mount } from '../model/mountinfo.ts';

/** A volume's data, found: its resolved host path, and the mount that serves it. */
export interface Found {
  readonly volume: Pick<Volume, 'name'>;
  readonly real: string;
  readonly mount: Mount;
}

/** A filesystem's UUID by one of its mounts, or null. Throws TOOL_MISSING, TOOL_FAILED. */
export type IdOf = (mount: Mount) => Promise<string | null>;

/** Docker makes `volumes/NAME` when it creates a volume; what lies in it may be swapped, the directory stays. */
export async function incarnationOf(data: string): Promise<string | null> {
  if (basename(data) !== '_data') return null;
  const { ino, birthtimeNs } = await lstat(dirname(data), { bigint: true });
  return `${String(ino)}-${String(birthtimeNs)}`;
}
