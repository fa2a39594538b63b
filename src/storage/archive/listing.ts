import { pipelineRecords } from '../../exec/pipeline.ts';
import { CowherdError } from '../../model/errors.ts';
import { isRestored, LISTING_FORMAT, parseEntry, type IndexEntry } from './index-entry.ts';

const WALK_TIMEOUT_MS = 60 * 60_000;

export interface ListingOptions {
  readonly runtimeDir: string;
  /** A private directory on a disk, for what does not fit into memory. */
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Everything in a tree in the order of indexes, in bounded memory. No link is followed, no other filesystem entered; a file that is
 * mounted over another is none of the tree's (type `m`). Throws as `pipelineRecords` does.
 */
export async function* listing(
  tree: string,
  { runtimeDir, scratch, signal }: ListingOptions,
): AsyncGenerator<IndexEntry, void> {
  const stages = [
    { file: 'find', args: ['.', '-xdev', '-printf', LISTING_FORMAT], cwd: tree },
    { file: 'sort', args: ['-z', '-S', '64M', '-T', scratch] },
  ];
  const options = { runtimeDir, timeoutMs: WALK_TIMEOUT_MS, diesWithUs: true };
  let device: string | undefined;
  for await (const record of pipelineRecords(stages, withSignal(options, signal))) {
    const entry = parseEntry(record);
    if (entry === null) throw unreadable(record);
    device ??= entry.device;
    const isMounted = entry.device !== device && entry.type !== 'd';
    yield isMounted && isRestored(entry) ? { ...entry, type: 'm' } : entry;
  }
}

/** Options with a signal, where there is one. */
export function withSignal<T extends object>(
  options: T,
  signal: AbortSignal | undefined,
): T & { readonly signal?: AbortSignal } {
  return signal === undefined ? options : { ...options, signal };
}

function unreadable(record: Buffer): CowherdError {
  const text = JSON.stringify(record.toString('latin1').slice(0, 200));
  return new CowherdError('TOOL_FAILED', `find said what cannot be understood: ${text}`);
}
