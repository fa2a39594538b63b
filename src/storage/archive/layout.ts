import { PARTIAL } from '../../exec/durable.ts';

/** An archive is a directory with these two files in it; its name is given by one rename, when both are whole. */
export interface ArchivePaths {
  readonly data: string;
  readonly index: string;
}

/** Of an archive, or of one that is not finished. */
export function archivePaths(archive: string): ArchivePaths {
  return { data: `${archive}/data.tar.zst`, index: `${archive}/index.zst` };
}

/** Where an archive is written before it has its name. */
export function partialOf(archive: string): string {
  return archive + PARTIAL;
}
