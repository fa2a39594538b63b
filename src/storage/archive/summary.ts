import type { FilePath } from '../../model/file-path.ts';

/** Something of a tree that no archive holds. */
export interface SpecialFile extends FilePath {
  readonly type: SpecialType;
}

export type SpecialType = 'fifo' | 'socket' | 'block' | 'character' | 'mount' | 'unknown';

/** A stored stream: what its file must be. */
export interface StoredStream {
  /** Of the file as it is stored, in hex. */
  readonly sha256: string;
  readonly storedBytes: number;
}

/** What a manifest says of an archive: everything that it is held against before and after it is extracted. */
export interface ArchiveSummary extends StoredStream {
  /** 0 for one that needs no other; n for one on top of a chain of n. */
  readonly level: number;
  /** The sha256 of the archive it is on top of. */
  readonly base: string | null;
  /** Of the tar stream, before compression. */
  readonly streamBytes: number;
  /** Members in this archive. */
  readonly members: number;
  /** Of the tree as it was: files, directories and links that are restored. */
  readonly entries: number;
  /** Sizes of the tree's files, hard links counted once, holes counted. */
  readonly contentBytes: number;
  /** The size of the largest of them. */
  readonly largestBytes: number;
  readonly index: StoredStream & { readonly streamBytes: number };
  /** How many special files were left out; the first of them by name. */
  readonly specials: number;
  readonly special: readonly SpecialFile[];
  /** Files with extended attributes that are noted in the index and not restored (`security.capability`, `trusted.…`). */
  readonly unrestoredAttributes: number;
}
