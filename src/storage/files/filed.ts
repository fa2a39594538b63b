import type { Manifest } from '../../model/manifest.ts';

export const MANIFEST = 'manifest.json';
export const PIN = 'pinned';
/** Left by an unpin: somebody has said that it may go. */
export const UNPINNED = 'unpinned';
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;

/** What the files of a store say of a restore point. */
export interface FiledSnapshot {
  readonly manifest: Manifest;
  readonly pinned: boolean;
  readonly unpinned: boolean;
  /** Host directory of its manifest and pin, and where images are files of its images too. */
  readonly directory: string;
}

export interface ReadDirectory {
  readonly directory: string;
  /** Its manifest, or null where there is none that can be read. */
  readonly manifest: Manifest | null;
  /** Names of the files beside it. */
  readonly beside: ReadonlySet<string>;
}

/** The restore point of a directory; null where none of this id is in it. */
export function filedIn(
  id: string,
  { directory, manifest, beside }: ReadDirectory,
): FiledSnapshot | null {
  if (manifest?.id !== id) return null;
  return { manifest, directory, pinned: beside.has(PIN), unpinned: beside.has(UNPINNED) };
}
