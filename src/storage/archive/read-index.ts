import { open } from 'node:fs/promises';
import { pipelineRecords } from '../../exec/pipeline.ts';
import { CowherdError } from '../../model/errors.ts';
import { compareEntries, isRestored, parseEntry, type IndexEntry } from './index-entry.ts';
import { damaged, shown } from './damaged.ts';
import { archivePaths } from './layout.ts';
import { withSignal } from './listing.ts';
import type { ArchiveSummary } from './summary.ts';
import { atMost, unprivileged } from './unprivileged.ts';

/** An archive and what its manifest says of it. */
export interface Archive {
  /** Its directory. */
  readonly path: string;
  readonly summary: ArchiveSummary;
}

export interface ReadOptions {
  readonly runtimeDir: string;
  readonly signal?: AbortSignal | undefined;
}

const READ_TIMEOUT_MS = 60 * 60_000;
/** Begins a record that holds a file's attributes; those of entries begin with a digit. */
export const ATTRIBUTES_MARK = 0x78;

/** An index's records as they are. No more is read than the manifest says. Throws ARCHIVE_DAMAGED. */
async function* indexRecords(
  { path, summary }: Archive,
  { runtimeDir, signal }: ReadOptions,
): AsyncGenerator<Buffer, void> {
  const file = await open(archivePaths(path).index, 'r');
  try {
    const stages = [unprivileged('zstd', ['-dc', '-q']), atMost(summary.index.streamBytes)];
    const options = { runtimeDir, stdin: file.fd, timeoutMs: READ_TIMEOUT_MS, diesWithUs: true };
    yield* pipelineRecords(stages, withSignal(options, signal));
  } catch (error) {
    throw damageOf(path, error);
  } finally {
    await file.close();
  }
}

/** What zstd(1) and tar(1) cannot read is damaged; whatever else is wrong stays what it is. */
export function damageOf(path: string, error: unknown): unknown {
  const ofTool = error instanceof CowherdError && error.code === 'TOOL_FAILED';
  if (!ofTool || error.details['timedOut'] === true) return error;
  const { code, message } = damaged(path, error.message);
  const { hint } = damaged(path, '');
  return new CowherdError(code, message, { hint, details: error.details, cause: error });
}

/**
 * The entries of an archive's index, in their order. Each is named once, has nothing in its name that leads elsewhere, lies in a directory
 * that was named before, and there are as many as the manifest says. Throws ARCHIVE_DAMAGED.
 */
export async function* indexEntries(
  archive: Archive,
  options: ReadOptions,
): AsyncGenerator<IndexEntry, void> {
  const { path, summary } = archive;
  const check = structure(archive);
  let entries = 0;
  for await (const record of indexRecords(archive, options)) {
    if (record[0] === ATTRIBUTES_MARK) continue;
    const entry = parseEntry(record);
    if (entry === null) throw damaged(path, 'its index holds what is no entry');
    check(entry);
    entries += isRestored(entry) ? 1 : 0;
    yield entry;
  }
  if (entries !== summary.entries)
    throw damaged(path, `its index names ${String(entries)} entries of ${String(summary.entries)}`);
}

/** The attributes in an archive's index, a record a file as `attributes` gives them. Throws ARCHIVE_DAMAGED. */
export async function* indexAttributes(
  archive: Archive,
  options: ReadOptions,
): AsyncGenerator<Buffer, void> {
  for await (const record of indexRecords(archive, options))
    if (record[0] === ATTRIBUTES_MARK) yield record.subarray(1);
}

/** Holds only the directories of two depths: entries come by depth. */
function structure({ path, summary }: Archive): (entry: IndexEntry) => void {
  let before: IndexEntry | null = null;
  let [above, here] = [new Set<string>(), new Set<string>()];
  return (entry) => {
    const name = entry.path.toString('latin1');
    if (before !== null && compareEntries(before, entry) >= 0)
      throw damaged(path, `its index names ${shown(entry.path)} twice or out of order`);
    if ((before?.depth ?? 0) !== entry.depth) [above, here] = [here, new Set()];
    if (!isBeneath(name, entry.depth, above) || (before === null) !== (name === ''))
      throw damaged(path, `its index names ${shown(entry.path)}, which is not in its tree`);
    if (entry.level > summary.level)
      throw damaged(path, `its index has ${shown(entry.path)} in a later archive`);
    if (entry.type === 'd') here.add(name);
    before = entry;
  };
}

function isBeneath(name: string, depth: number, above: ReadonlySet<string>): boolean {
  if (name === '') return depth === 0;
  const parts = name.split('/');
  if (parts.length !== depth || parts.some((part) => ['', '.', '..'].includes(part))) return false;
  return above.has(parts.slice(0, -1).join('/'));
}
