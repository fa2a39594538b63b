import { run } from './run.ts';

/**
 * Runs one tool with paths at the end of its arguments, as bytes: those are text to Node.js, so that xargs(1) has to give it names
 * that are not UTF-8. Throws as `run` does.
 */
export async function runOnPaths(
  file: string,
  args: readonly string[],
  paths: readonly (string | Buffer)[],
): Promise<void> {
  const bytes = paths.map((path) => Buffer.from(path));
  if (bytes.every((path) => Buffer.from(path.toString()).equals(path))) {
    await run(file, [...args, ...bytes.map((path) => path.toString())]);
    return;
  }
  const input = Buffer.concat(bytes.flatMap((path) => [path, Buffer.of(0)]));
  await run('xargs', ['-0', '-n', String(paths.length), '--', file, ...args], { input });
}
