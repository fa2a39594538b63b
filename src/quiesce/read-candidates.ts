import { fstat as fstatCallback, lstat as lstatCallback, read as readCallback } from 'node:fs';
import { promisify } from 'node:util';
import { systemCode } from '../model/errors.ts';
import type { Candidate } from './find-entries.ts';
import { mapLimited } from '../model/limited.ts';
import { beneath, closeFd, openAt, openDirectoryBeneath, splitPath } from './open-beneath.ts';
import {
  HEADER_BYTES,
  JOURNAL_MAGIC_BYTES,
  SMALLEST_PAGE_BYTES,
  claimsToBeDatabase,
  isHotJournal,
  parseHeader,
} from './sqlite-header.ts';
import type { DatabaseFlaw } from '../model/manifest.ts';

/** A SQLite database in an image of a volume. */
export interface DatabaseFile {
  /** Relative to the volume; lossy when it is not UTF-8. */
  readonly path: string;
  readonly pathBytes: Buffer;
  readonly wal: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Size of its `-wal` in the image, 0 without one. */
  readonly walBytes: number;
  /** A `-journal` beside it waits to be played back. */
  readonly hotJournal: boolean;
  /** Why no child is to open it; null for a database as it should be. */
  readonly flaw: DatabaseFlaw | null;
}

/** A candidate's answer: a database, null for any other file, or `unread` when the image could not be read there. */
export type Verdict = DatabaseFile | null | 'unread';

const lstat = promisify(lstatCallback);
const fstat = promisify(fstatCallback);
const read = promisify(readCallback);
/** Two of libuv's four threads: a freeze elsewhere in this process must not wait behind a scan. */
const AT_ONCE = 2;

/** Reads the headers of candidates, the directories of each run of siblings opened once. Never throws. */
export async function readCandidates(
  rootFd: number,
  candidates: readonly Candidate[],
): Promise<readonly Verdict[]> {
  const groups = Map.groupBy(candidates, (candidate) =>
    splitPath(candidate.path).parent.toString('latin1'),
  );
  const verdicts: Verdict[] = [];
  for (const [parent, siblings] of groups)
    verdicts.push(...(await readSiblings(rootFd, Buffer.from(parent, 'latin1'), siblings)));
  return verdicts;
}

async function readSiblings(
  rootFd: number,
  parent: Buffer,
  siblings: readonly Candidate[],
): Promise<readonly Verdict[]> {
  const directory = await openDirectoryBeneath(rootFd, parent).catch(() => null);
  if (directory === null) return siblings.map(() => 'unread');
  const verdicts = await mapLimited(siblings, AT_ONCE, (sibling) =>
    readCandidate(directory, sibling).catch(() => 'unread' as const),
  );
  await closeFd(directory);
  return verdicts;
}

async function readCandidate(directory: number, candidate: Candidate): Promise<Verdict> {
  const { name } = splitPath(candidate.path);
  const start = await readStart(directory, name, HEADER_BYTES);
  if (!claimsToBeDatabase(start)) return null;
  const header = candidate.sizeBytes % SMALLEST_PAGE_BYTES === 0 ? parseHeader(start) : null;
  const [wal, journal] = await Promise.all([
    lookAt(directory, beside(name, '-wal')),
    lookAt(directory, beside(name, '-journal')),
  ]);
  const odd = [wal, journal, await lookAt(directory, beside(name, '-shm'))].includes('odd');
  return {
    path: candidate.path.toString('utf8'),
    pathBytes: candidate.path,
    wal: header?.wal ?? false,
    uid: candidate.uid,
    gid: candidate.gid,
    sizeBytes: candidate.sizeBytes,
    walBytes: sizeOf(wal),
    hotJournal:
      sizeOf(journal) > 0 &&
      isHotJournal(await readStart(directory, beside(name, '-journal'), JOURNAL_MAGIC_BYTES)),
    flaw: flawOf({ header: header !== null, links: candidate.links, odd }),
  };
}

function beside(name: Buffer, suffix: string): Buffer {
  return Buffer.concat([name, Buffer.from(suffix)]);
}

interface Seen {
  readonly header: boolean;
  readonly links: number;
  readonly odd: boolean;
}

function flawOf({ header, links, odd }: Seen): DatabaseFlaw | null {
  if (!header) return 'header';
  if (links > 1) return 'links';
  return odd ? 'beside' : null;
}

/** A file beside a database: its size, null where there is none, `odd` for what is no regular file and is not opened: a device might answer to that. */
type Beside = number | 'odd' | null;

function sizeOf(beside: Beside): number {
  return typeof beside === 'number' ? beside : 0;
}

async function lookAt(directory: number, name: Buffer): Promise<Beside> {
  try {
    const stats = await lstat(beneath(directory, name));
    return stats.isFile() && stats.nlink === 1 ? stats.size : 'odd';
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENAMETOOLONG') return null;
    throw error;
  }
}

/** The first bytes of a regular file; none of anything else. */
async function readStart(directory: number, name: Buffer, length: number): Promise<Buffer> {
  const fd = await openAt(directory, name);
  try {
    if (!(await fstat(fd)).isFile()) return Buffer.alloc(0);
    const { bytesRead, buffer } = await read(fd, Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await closeFd(fd);
  }
}
