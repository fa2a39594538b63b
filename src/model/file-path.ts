/** A path as documents carry it: lossy when it is not UTF-8, and then `pathBase64` has the bytes. */
export interface FilePath {
  readonly path: string;
  readonly pathBase64?: string;
}

/** A path of any bytes, for a document. */
export function filePath(bytes: Buffer): FilePath {
  const path = bytes.toString('utf8');
  return Buffer.from(path).equals(bytes)
    ? { path }
    : { path, pathBase64: bytes.toString('base64') };
}

/** The bytes of a path that was in a document. */
export function pathBytes({ path, pathBase64 }: FilePath): Buffer {
  return pathBase64 === undefined ? Buffer.from(path) : Buffer.from(pathBase64, 'base64');
}
