import { open } from 'node:fs/promises';

/** A file of records that is written from its beginning. */
export interface RecordFile {
  readonly write: (...parts: readonly Buffer[]) => Promise<void>;
  readonly close: () => Promise<void>;
}

const CHUNK_BYTES = 256 * 1024;

/** Makes a file (0600), which must not be there. Throws as Node.js does. */
export async function recordFile(path: string): Promise<RecordFile> {
  const file = await open(path, 'wx', 0o600);
  let parts: Buffer[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    const chunk = Buffer.concat(parts);
    [parts, length] = [[], 0];
    await file.writeFile(chunk);
  };
  return {
    write: async (...more) => {
      parts.push(...more);
      for (const { length: bytes } of more) length += bytes;
      if (length > CHUNK_BYTES) await flush();
    },
    close: async () => {
      try {
        await flush();
      } finally {
        await file.close();
      }
    },
  };
}
