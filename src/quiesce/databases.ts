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
  /** Of the image, open. */
  readonly root: number;
  readonly databases: DatabaseFile[];
  readonly placeholders: Buffer[];
  readonly batch: Candidate[];
  entries: number;
  truncated: boolean;
}

const MAX_DATABASES = 1_000;
const BATCH = 256;
/** Entries come by the ten thousand in one turn of the event loop; another agent may be frozen meanwhile. */
const BREATHER = 500;

/**
 * Finds the SQLite databases of read-only images of volumes by their content, in the order of the images; never by following a
 * link, opening anything but a regular file with one link, or trusting a name. A limit that one image hits is no other's. Throws
 * TOOL_MISSING, TOOL_FAILED, or the error of opening a root.
 */
export async function findDatabases(
  imageRoots: readonly string[],
  limits: ScanLimits = {},
): Promise<readonly ImageScan[]> {
  const scans: ImageScan[] = [];
  while (scans.length < imageRoots.length)
    scans.push(...(await scanSome(imageRoots.slice(scans.length), limits)));
  return scans;
}

const UNSEEN: ImageScan = { databases: [], placeholders: [], entries: 0, truncated: true };

/** Scans by one find(1): all of them, or up to the first that is too large. When time is up, what was not reached is unseen. */
async function scanSome(
  imageRoots: readonly string[],
  limits: ScanLimits,
): Promise<readonly ImageScan[]> {
  const { timeoutMs = 60_000 } = limits;
  const scans: ImageScan[] = [];
  let current: Progress | null = null;
  const end = async (): Promise<void> => {
    const ended = current;
    current = null;
    if (ended !== null) scans.push(await finish(ended, limits));
  };
  try {
    for await (const entry of findEntries(imageRoots, timeoutMs * imageRoots.length)) {
      if (entry.kind !== 'root') {
        if (current !== null && (await take(current, entry, limits))) break;
        continue;
      }
      await end();
      current = await begin(imageRoots[entry.index] ?? '');
    }
    await end();
    if (scans.length === 0) throw new Error('find(1) has named none of the images');
    return scans;
  } catch (error) {
    if (current !== null) cutShort(current);
    await end();
    if (!isLimit(error)) throw error;
    return imageRoots.map((_, index) => scans[index] ?? UNSEEN);
  }
}

function cutShort(progress: Progress): void {
  progress.truncated = true;
}

async function begin(imageRoot: string): Promise<Progress> {
  const root = await openRoot(imageRoot);
  return { root, databases: [], placeholders: [], batch: [], entries: 0, truncated: false };
}

/** What was named before a limit counts. The image is closed. */
async function finish(progress: Progress, limits: ScanLimits): Promise<ImageScan> {
  await readBatch(progress).finally(async () => closeFd(progress.root));
  const { databases, placeholders, entries, truncated } = progress;
  const { maxDatabases = MAX_DATABASES } = limits;
  return {
    databases: databases.slice(0, maxDatabases),
    placeholders,
    entries,
    truncated: truncated || databases.length > maxDatabases,
  };
}

/** Takes an entry; true when that was one more than is looked at. */
async function take(progress: Progress, entry: Entry, limits: ScanLimits): Promise<boolean> {
  const { maxEntries = 2_000_000, maxDatabases = MAX_DATABASES } = limits;
  progress.entries += 1;
  if (progress.entries % BREATHER === 0) await setImmediate();
  if (entry.kind === 'placeholder') progress.placeholders.push(entry.path);
  if (entry.kind === 'candidate') progress.batch.push(entry);
  if (progress.batch.length >= BATCH) await readBatch(progress);
  const isTooMuch =
    progress.databases.length > maxDatabases ||
    progress.placeholders.length > maxDatabases ||
    progress.entries > maxEntries;
  if (isTooMuch) progress.truncated = true;
  return isTooMuch;
}

async function readBatch(progress: Progress): Promise<void> {
  for (const verdict of await readCandidates(progress.root, progress.batch.splice(0))) {
    if (verdict === 'unread') progress.truncated = true;
    else if (verdict !== null) progress.databases.push(verdict);
  }
}

function isLimit(error: unknown): boolean {
  const { details } = toCowherdError(error);
  return details['timedOut'] === true || details['oversized'] === true;
}
