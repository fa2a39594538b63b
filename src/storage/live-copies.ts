/** What is to stand in place of a file that was copied while it may have been written. */
export interface Replacement {
  /** Of the file in its volume: it was copied as a regular file with one name. */
  readonly path: Buffer;
  /** Host path of its contents. */
  readonly from: string;
  /** What lies beside it and goes. */
  readonly without: readonly Buffer[];
}

/** Of captures that copy one file after the other: what else can be done about volumes that are written meanwhile. */
export interface LiveCopies {
  /** Where the copy of a volume is, for `readImages`. */
  readonly location: (volume: string) => string;
  /** An empty directory on the filesystem that only root reaches; gone with the capture. */
  readonly scratch: () => Promise<string>;
  /** Whether nobody has written to any of these files of a volume since before `since`, when the capture began. */
  readonly areQuiet: (volume: string, paths: readonly Buffer[], since: Date) => Promise<boolean>;
  /** Between `take` and `finish`. Owners, modes and attributes stay those of the copied files. */
  readonly replace: (volume: string, files: readonly Replacement[]) => Promise<void>;
}
