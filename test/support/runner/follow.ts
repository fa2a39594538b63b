import { closeSync, openSync, readSync } from 'node:fs';

/** Gives whole lines to `onLine` as a file grows; the returned function gives the rest and ends it. */
export function followLines(
  path: string,
  onLine: ((line: string) => void) | undefined,
): () => void {
  if (!onLine) return () => undefined;
  const buffer = Buffer.alloc(64 * 1024);
  const fd = openSync(path, 'r');
  let rest = Buffer.alloc(0);
  const look = () => {
    for (let size = readSync(fd, buffer); size > 0; size = readSync(fd, buffer)) {
      const text = Buffer.concat([rest, buffer.subarray(0, size)]);
      const end = text.lastIndexOf('\n') + 1;
      rest = Buffer.from(text.subarray(end));
      const lines = text.subarray(0, end).toString().split('\n').slice(0, -1);
      for (const line of lines) onLine(line);
    }
  };
  const timer = setInterval(look, 200);
  return () => {
    clearInterval(timer);
    look();
    if (rest.length > 0) onLine(rest.toString());
    closeSync(fd);
  };
}
