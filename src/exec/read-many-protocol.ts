/** What is to be read: of each name in a directory that directory's `file`, and which of the marks are beside it. */
export interface ReadManyRequest {
  readonly directory: string;
  readonly names: readonly string[];
  readonly file: string;
  /** Names of files that say something by being there. */
  readonly marks: readonly string[];
  /** A larger file is not read. */
  readonly maxBytes: number;
}

/** A frame is `<bytes> <a character for each mark> <name>\0<content>`; this is the character of a mark that is there. */
export const MARKED = '+';
