import { run } from '../../exec/run.ts';
import { withSignal } from '../archive/listing.ts';
import type { Replacement } from '../live-copies.ts';

const COPY_TIMEOUT_MS = 6 * 60 * 60_000;
const NUL = Buffer.of(0);
const HERE = Buffer.from('./');

/**
 * Puts contents in place of those of regular files in a tree of ours, by a mount in which no link is followed: the files stay, with
 * their owners, modes and attributes. What is to go is removed. Throws NO_SPACE, TOOL_FAILED.
 */
export async function replaceFiles(
  tree: string,
  files: readonly Replacement[],
  signal?: AbortSignal,
): Promise<void> {
  const copies = files.flatMap(({ path, from }) => [Buffer.from(from), inTree(path)]);
  const removals = files.flatMap(({ without }) => without.map(inTree));
  await each(['-n', '2', '--', 'cp', '-T', '--'], copies);
  await each(['--', 'rm', '-f', '--'], removals);

  async function each(command: readonly string[], names: readonly Buffer[]): Promise<void> {
    if (names.length === 0) return;
    const input = Buffer.concat(names.flatMap((name) => [name, NUL]));
    const options = { input, cwd: tree, timeoutMs: COPY_TIMEOUT_MS, diesWithUs: true };
    await run('xargs', ['-0', '-r', ...command], withSignal(options, signal));
  }
}

function inTree(path: Buffer): Buffer {
  return Buffer.concat([HERE, path]);
}
