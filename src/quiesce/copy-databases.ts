import { chmod, chown, lstat, mkdir, rename, statfs } from 'node:fs/promises';
import { EMPTY_FILE } from '../exec/fence-mounts.ts';
import { run } from '../exec/run.ts';
import { toCowherdError } from '../model/errors.ts';
import { mapLimited } from '../model/limited.ts';
import type { Cause } from '../model/snapshot.ts';
import { refusalOf, type Refusals } from './checkpoint-refusal.ts';
import { databaseUri } from './checkpoint-script.ts';
import { CHILD_LIMITS, type ChildLimits } from './child-limits.ts';
import { copyScript, isCopied } from './copy-script.ts';
import { openFence, type Fence } from './fence.ts';
import type { DatabaseFile } from './read-candidates.ts';
import type { Slots } from './slots.ts';

export interface DatabaseCopyRequest extends Refusals {
  /** Host path of the live tree (`_data`). */
  readonly root: string;
  /** Host directory in which nobody can write, with what was copied of it: it tells how large they are. */
  readonly seen: string;
  readonly databases: readonly DatabaseFile[];
  /** Host directory of root's on a disk, which nobody else can reach: the copies are made in it. */
  readonly scratch: string;
  /** Cowherd's own directory in /run. */
  readonly runtimeDir: string;
  /** How long sqlite3 waits for a lock. */
  readonly busyTimeoutMs: number;
  /** What all of them may take, beside the time that their bytes take; default 5 min. */
  readonly budgetMs?: number;
  /** Shared with everything else that opens databases in this run. */
  readonly slots?: Slots;
  readonly signal?: AbortSignal;
}

/** What came of one database. */
export interface DatabaseCopy {
  readonly database: DatabaseFile;
  /** Host path of the copy, in the scratch directory and root's; null where there is none, and then why. */
  readonly copy: string | null;
  readonly note: string | null;
  readonly cause: Cause | null;
}

const AT_ONCE = 2;
const BUDGET_MS = 5 * 60_000;
const PATIENCE_MS = 30_000;
/** So slow a disk may be. */
const BYTES_PER_MS = 10_000;
const BYTES_PER_CPU_SECOND = 50_000_000;
const MIB = 1024 ** 2;
/** What a database may have grown by since it was seen. */
const GROWTH_BYTES = 64 * MIB;

/**
 * Copies databases of a volume in use by one read transaction each, as their owners inside a fence; one answer each, in their order.
 * A copy holds every transaction that was committed before. Never throws: what could not be copied says why. A writer of a
 * database without a write-ahead log waits meanwhile.
 */
export async function copyDatabases(
  request: DatabaseCopyRequest,
): Promise<readonly DatabaseCopy[]> {
  const { databases } = request;
  const refused = databases.map((database, index) => refusalOf(request, database, index));
  const asked = await ask(
    request,
    databases.filter((_, index) => refused[index] === null),
  );
  const answers = asked.values();
  return databases.map((database, index) => {
    const refusal = refused[index];
    if (refusal === null || refusal === undefined)
      return answers.next().value ?? failed(database, 'not asked', 'failed');
    return failed(database, refusal.note ?? '', refusal.cause ?? 'failed');
  });
}

function failed(database: DatabaseFile, note: string, cause: Cause): DatabaseCopy {
  return { database, copy: null, note, cause };
}

async function ask(
  request: DatabaseCopyRequest,
  databases: readonly DatabaseFile[],
): Promise<readonly DatabaseCopy[]> {
  if (databases.length === 0) return [];
  try {
    return await inFence(request, databases);
  } catch (error) {
    return databases.map((one) => failed(one, toCowherdError(error).message, 'failed'));
  }
}

interface Job {
  readonly request: DatabaseCopyRequest;
  readonly fence: Fence;
  /** Host path of what is /o in the fence. */
  readonly results: string;
  readonly signal: AbortSignal;
}

async function inFence(
  request: DatabaseCopyRequest,
  databases: readonly DatabaseFile[],
): Promise<readonly DatabaseCopy[]> {
  const { root, scratch, runtimeDir, slots, budgetMs = BUDGET_MS } = request;
  const sizes = await Promise.all(databases.map(async (one) => allocated(request, one)));
  const all = sizes.reduce((total, bytes) => total + bytes, 0);
  const budget = AbortSignal.timeout(budgetMs + Math.round(all / BYTES_PER_MS));
  const signal = request.signal === undefined ? budget : AbortSignal.any([budget, request.signal]);
  const results = `${scratch}/results`;
  await mkdir(results);
  await chmod(results, 0o711);
  const fence = await openFence(root, runtimeDir, results);
  try {
    const jobs = databases.map((database, index) => ({ database, index }));
    return await mapLimited(jobs, AT_ONCE, async ({ database, index }) => {
      const giveBack = await slots?.take();
      const limits = limitsFor(sizes[index] ?? 0);
      const job = { request, fence, results, signal };
      const copied = await copyOne(job, { database, limits, name: String(index) });
      giveBack?.();
      return copied;
    });
  } finally {
    await fence.close();
  }
}

/** Bytes on the disk, of its log too: a size costs nothing to claim. */
async function allocated(
  { seen }: DatabaseCopyRequest,
  { pathBytes }: DatabaseFile,
): Promise<number> {
  const sizes = ['', '-wal'].map(async (suffix) => {
    const path = Buffer.concat([Buffer.from(`${seen}/`), pathBytes, Buffer.from(suffix)]);
    const stats = await lstat(path).catch(() => null);
    return 512 * (stats?.blocks ?? 0);
  });
  return (await Promise.all(sizes)).reduce((total, bytes) => total + bytes, 0);
}

function limitsFor(seenBytes: number): ChildLimits {
  const fileBytes = GROWTH_BYTES + 2 * seenBytes;
  const cpuSeconds = CHILD_LIMITS.cpuSeconds + Math.ceil(fileBytes / BYTES_PER_CPU_SECOND);
  return { ...CHILD_LIMITS, fileBytes, cpuSeconds };
}

interface One {
  readonly database: DatabaseFile;
  readonly limits: ChildLimits;
  readonly name: string;
}

/** Never throws. */
async function copyOne(job: Job, one: One): Promise<DatabaseCopy> {
  const { request, results, signal } = job;
  const { database, limits, name } = one;
  if (signal.aborted) return failed(database, 'not asked: out of time', 'limit');
  const place = `${results}/${name}`;
  try {
    const { bavail, bsize } = await statfs(request.scratch);
    if (bavail * bsize < limits.fileBytes)
      return failed(database, 'not asked: there is too little space for a copy of it', 'limit');
    await mkdir(place, { mode: 0o700 });
    await chown(place, database.uid, database.gid);
    await backup(job, one);
    const copy = `${request.scratch}/${name}`;
    // From here on the child's user has no way to it.
    await rename(`${place}/db`, copy);
    await expectFile(copy, database);
    return { database, copy, note: null, cause: null };
  } catch (error) {
    await run('rm', ['-r', '-f', '--', place]).catch(() => undefined);
    return unanswered(job, database, error);
  }
}

/** Throws what sqlite3 said where it did not come to its end. */
async function backup({ fence, request, signal }: Job, one: One): Promise<void> {
  const { database, limits, name } = one;
  const { uid, gid, pathBytes } = database;
  const options = ['-batch', '-bail', '-init', EMPTY_FILE, '-nofollow'];
  const { stdout, stderr } = await fence.run({
    ...{ uid, gid, limits, signal },
    argv: ['sqlite3', ...options, databaseUri(pathBytes)],
    input: copyScript(name, request.busyTimeoutMs),
    timeoutMs: hardTimeoutMs(request, limits),
    okExits: [1],
  });
  if (isCopied(stdout)) return;
  throw new Error(stderr.trim() === '' ? 'sqlite3 said nothing' : stderr.trim());
}

function hardTimeoutMs({ busyTimeoutMs }: DatabaseCopyRequest, { fileBytes }: ChildLimits): number {
  return Math.round(PATIENCE_MS + busyTimeoutMs + fileBytes / BYTES_PER_MS);
}

/** A child of a hostile owner may leave anything by that name. */
async function expectFile(copy: string, { uid }: DatabaseFile): Promise<void> {
  const stats = await lstat(copy);
  if (!stats.isFile() || stats.nlink !== 1 || stats.uid !== uid)
    throw new Error('what sqlite3 left is no file of its own');
  await chown(copy, 0, 0);
}

const DAMAGE = /malformed|not a database|unsupported file format/;

function unanswered({ signal }: Job, database: DatabaseFile, error: unknown): DatabaseCopy {
  if (signal.aborted) return failed(database, 'not finished: out of time', 'limit');
  const { details, message } = toCowherdError(error);
  if (details['timedOut'] === true) return failed(database, 'sqlite3 did not end in time', 'stuck');
  if (details['exitCode'] === -1) return failed(database, message, 'stuck');
  return failed(database, message, DAMAGE.test(message) ? 'damaged' : 'failed');
}
