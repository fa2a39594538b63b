import { fstat as fstatCallback, lstat as lstatCallback, read as readCallback } from 'node:fs';
import { promisify } from 'node:util';
import { systemCode } from '../model/errors.ts';
import type { Candidate } from './find-entries.ts';
import { mapLimited } from './limited.ts';
import { beneath, closeFd, openAt, openDirectoryBeneath, splitPath } from './open-beneath.ts';
import { HEADER_BYTES, JOURNAL_MAGIC_BYTES, isHotJournal, parseHeader } from './sqlite-header.ts';

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
  const header = parseHeader(await readStart(directory, name, HEADER_BYTES));
  if (header === null) return null;
  return {
    path: candidate.path.toString('utf8'),
    pathBytes: candidate.path,
    wal: header.wal,
    uid: candidate.uid,
    gid: candidate.gid,
    sizeBytes: candidate.sizeBytes,
    walBytes: await sizeOf(directory, beside(name, '-wal')),
    hotJournal: await hasHotJournal(directory, beside(name, '-journal')),
  };
}

function beside(name: Buffer, suffix: string): Buffer {
  return Buffer.concat([name, Buffer.from(suffix)]);
}

async function hasHotJournal(directory: number, name: Buffer): Promise<boolean> {
  if ((await sizeOf(directory, name)) === 0) return false;
  return isHotJournal(await readStart(directory, name, JOURNAL_MAGIC_BYTES));
}

/** A regular file's size; 0 for anything else, which is not opened: a device might answer to that. */
async function sizeOf(directory: number, name: Buffer): Promise<number> {
  try {
    const stats = await lstat(beneath(directory, name));
    return stats.isFile() ? stats.size : 0;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENAMETOOLONG') return 0;
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
