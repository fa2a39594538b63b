import { open } from 'node:fs/promises';
import { pipeline } from '../../exec/pipeline.ts';
import { attributes, restoredAttribute } from './attributes.ts';
import { isRestored, type IndexEntry } from './index-entry.ts';
import { listing, withSignal, type ListingOptions } from './listing.ts';
import { merged } from './merged.ts';
import { indexEntries, type Archive } from './read-index.ts';
import { recordFile } from './record-file.ts';
import type { Restorer } from './restorer.ts';

export interface ClearRequest extends ListingOptions {
  readonly target: string;
  /** The archive that is extracted next. */
  readonly archive: Archive;
  readonly restorer: Restorer;
}

const TIMEOUT_MS = 6 * 60 * 60_000;
const NUL = Buffer.of(0);
const HERE = Buffer.from('./');
const NO_FILES = { fileBytes: 0, groups: [] };

/**
 * Removes from what older archives of a chain restored all that the next one says is gone, is something else now or comes anew
 * from itself, and the attributes of directories, of which all come anew: a default ACL would be inherited. Nothing then is written over. Throws as `pipeline` does.
 */
export async function clearStale(request: ClearRequest): Promise<void> {
  const level = String(request.archive.summary.level);
  const names = `${request.scratch}/stale-${level}`;
  await writeTo(names, staleNames(request));
  await runOn(names, request, ['-n', '1000', '--', 'rm', '-rf', '--']);
  const removals = `${request.scratch}/attributes-${level}`;
  await writeTo(removals, staleAttributes(request));
  await runOn(removals, request, ['-n', '4', '--', 'setfattr']);
}

async function* staleNames(request: ClearRequest): AsyncGenerator<Buffer, void> {
  const { target, archive } = request;
  const pairs = merged(listing(target, request), indexEntries(archive, request));
  for await (const { left, right } of pairs)
    if (left !== null && isStale(left, right, archive.summary.level))
      yield Buffer.concat([HERE, left.path, NUL]);
}

function isStale(found: IndexEntry, next: IndexEntry | null, level: number): boolean {
  if (next === null || !isRestored(next) || next.type !== found.type) return true;
  return found.type !== 'd' && next.level === level;
}

async function* staleAttributes({ target, signal }: ClearRequest): AsyncGenerator<Buffer, void> {
  for await (const record of attributes(target, signal, 'directories')) {
    const found = restoredAttribute(record);
    if (found === null) continue;
    const { path, name } = found;
    yield Buffer.concat([Buffer.from('-x\0'), name, Buffer.from('\0--\0./'), path, NUL]);
  }
}

async function writeTo(path: string, words: AsyncIterable<Buffer>): Promise<void> {
  const file = await recordFile(path);
  try {
    for await (const word of words) await file.write(word);
  } finally {
    await file.close();
  }
}

async function runOn(path: string, request: ClearRequest, args: readonly string[]): Promise<void> {
  const { restorer, runtimeDir, signal } = request;
  const file = await open(path, 'r');
  try {
    const xargs = restorer.stage('xargs', ['-0', '-r', ...args], NO_FILES);
    const options = { runtimeDir, stdin: file.fd, timeoutMs: TIMEOUT_MS, diesWithUs: true };
    await pipeline([xargs], withSignal(options, signal));
  } finally {
    await file.close();
  }
}
