import { setImmediate } from 'node:timers/promises';
import { toCowherdError } from '../model/errors.ts';
import { findEntries, type Candidate, type Entry } from './find-entries.ts';
import { closeFd, openRoot } from './open-beneath.ts';
import { readCandidates, type DatabaseFile } from './read-candidates.ts';

export interface ScanLimits {
  /** Entries of any kind; default 2,000,000. */
  readonly maxEntries?: number;
  /** Default 1,000; as many placeholders. */
  readonly maxDatabases?: number;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

export interface ImageScan {
  readonly databases: readonly DatabaseFile[];
  /** Relative paths of the empty directories that stand for nested btrfs subvolumes the snapshot does not contain. */
  readonly placeholders: readonly Buffer[];
  readonly entries: number;
  /** A limit was hit or a file could not be read: there may be more databases than these. */
  readonly truncated: boolean;
}

interface Progress {
  readonly databases: DatabaseFile[];
  readonly placeholders: Buffer[];
  readonly batch: Candidate[];
  entries: number;
  truncated: boolean;
}

const BATCH = 256;
/** Entries come by the ten thousand in one turn of the event loop; another agent may be frozen meanwhile. */
const BREATHER = 500;

/**
 * Finds the SQLite databases of a read-only image of a volume by their content; never by following a link, opening
 * anything but a regular file with one link, or trusting a name. Throws TOOL_MISSING, TOOL_FAILED, or the error of opening the root.
 */
export async function findDatabases(
  imageRoot: string,
  limits: ScanLimits = {},
): Promise<ImageScan> {
  const progress: Progress = {
    databases: [],
    placeholders: [],
    batch: [],
    entries: 0,
    truncated: false,
  };
  const root = await openRoot(imageRoot);
  try {
    await scan({ imageRoot, root, limits, progress });
  } catch (error) {
    if (!isLimit(error)) throw error;
    progress.truncated = true;
  } finally {
    await closeFd(root);
  }
  const { databases, placeholders, entries, truncated } = progress;
  return { databases, placeholders, entries, truncated };
}

interface Scan {
  readonly imageRoot: string;
  readonly root: number;
  readonly limits: ScanLimits;
  readonly progress: Progress;
}

async function scan({ imageRoot, root, limits, progress }: Scan): Promise<void> {
  const { maxEntries = 2_000_000, maxDatabases = 1_000, timeoutMs = 60_000 } = limits;
  for await (const entry of findEntries(imageRoot, timeoutMs)) {
    progress.entries += 1;
    if (progress.entries % BREATHER === 0) await setImmediate();
    take(progress, entry);
    if (progress.batch.length >= BATCH) await readBatch(root, progress);
    const full =
      progress.databases.length > maxDatabases || progress.placeholders.length > maxDatabases;
    if (full || progress.entries > maxEntries) {
      progress.truncated = true;
      break;
    }
  }
  await readBatch(root, progress);
  progress.truncated ||= progress.databases.length > maxDatabases;
  progress.databases.splice(maxDatabases);
}

function take(progress: Progress, entry: Entry): void {
  if (entry.kind === 'placeholder') progress.placeholders.push(entry.path);
  if (entry.kind === 'candidate') progress.batch.push(entry);
}

async function readBatch(root: number, progress: Progress): Promise<void> {
  for (const verdict of await readCandidates(root, progress.batch.splice(0))) {
    if (verdict === 'unread') progress.truncated = true;
    else if (verdict !== null) progress.databases.push(verdict);
  }
}

function isLimit(error: unknown): boolean {
  const { details } = toCowherdError(error);
  return details['timedOut'] === true || details['oversized'] === true;
}
