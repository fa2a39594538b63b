import type { RunResult } from '../exec/run.ts';
import { toCowherdError } from '../model/errors.ts';
import type { SqliteRow } from '../model/snapshot.ts';
import {
  answerOf,
  checkpointScript,
  databaseUri,
  MAX_PATH_BYTES,
  rowFor,
  type Counters,
} from './checkpoint-script.ts';
import { EMPTY_FILE } from './fence-mounts.ts';
import { isOrdinary, openFence, type Fence } from './fence.ts';
import { mapLimited } from './limited.ts';
import type { DatabaseFile } from './read-candidates.ts';

export interface CheckpointRequest {
  readonly volumeName: string;
  /** Host path of the live tree (`_data`). */
  readonly root: string;
  readonly databases: readonly DatabaseFile[];
  readonly mode: SqliteRow['mode'];
  /** How long sqlite3 waits for a lock. */
  readonly busyTimeoutMs: number;
  /** Cowherd's own directory in /run. */
  readonly runtimeDir: string;
  /** One database's child is killed after this time; default 10 s more than its waits for locks. */
  readonly timeoutMs?: number;
  /** Databases not asked by then get a row that says so; default 60 s. */
  readonly budgetMs?: number;
  readonly signal?: AbortSignal;
}

const AT_ONCE = 2;
const BUDGET_MS = 60_000;
const PATIENCE_MS = 10_000;
const PASSES = { passive: 3, truncate: 1 } as const;

/** True when the whole WAL was in the database at the end of this checkpoint. */
export function isCheckpointed(row: Pick<SqliteRow, 'busy' | 'log' | 'checkpointed'>): boolean {
  return row.busy === 0 && row.log >= 0 && row.checkpointed === row.log;
}

/**
 * Asks every WAL database of a volume for a checkpoint, each as its owner inside a fence; one row each, in their order, and
 * never throws: what could not be asked has busy, log and checkpointed -1 and a note. On a database nobody has open the
 * child is the last to close: SQLite then removes -wal and -shm, as it would for the owner's own program.
 */
export async function checkpointVolume(request: CheckpointRequest): Promise<readonly SqliteRow[]> {
  const databases = request.databases.filter((database) => database.wal);
  if (databases.every((database) => refusal(database) !== null)) {
    return databases.map((database) => rowFor(request, database, null, refusal(database) ?? ''));
  }
  try {
    return await inFence(request, databases);
  } catch (error) {
    const note = toCowherdError(error).message;
    return databases.map((database) => rowFor(request, database, null, refusal(database) ?? note));
  }
}

async function inFence(
  request: CheckpointRequest,
  databases: readonly DatabaseFile[],
): Promise<readonly SqliteRow[]> {
  const budget = AbortSignal.timeout(request.budgetMs ?? BUDGET_MS);
  const signal = request.signal === undefined ? budget : AbortSignal.any([budget, request.signal]);
  const fence = await openFence(request.root, request.runtimeDir);
  try {
    return await mapLimited(databases, AT_ONCE, (database) =>
      checkpointOne({ fence, request, signal }, database),
    );
  } finally {
    await fence.close();
  }
}

/** Why a database is not opened at all, or null. */
function refusal(database: DatabaseFile): string | null {
  if (database.uid === 0) return 'owned by root';
  if (!isOrdinary(database.uid)) return `owned by ${String(database.uid)}`;
  if (database.pathBytes.length > MAX_PATH_BYTES)
    return `its path is longer than the ${String(MAX_PATH_BYTES)} bytes SQLite opens`;
  return null;
}

interface Bracket {
  readonly fence: Fence;
  readonly request: CheckpointRequest;
  readonly signal: AbortSignal;
}

async function checkpointOne(bracket: Bracket, database: DatabaseFile): Promise<SqliteRow> {
  const { request, signal } = bracket;
  const refused = refusal(database) ?? (signal.aborted ? 'not asked: out of time' : null);
  if (refused !== null) return rowFor(request, database, null, refused);
  try {
    const { stdout, stderr } = await sqlite(bracket, database);
    const answer = answerOf(stdout, isCheckpointed);
    return rowFor(request, database, answer, noteOn(answer, stderr));
  } catch (error) {
    return rowFor(request, database, null, whyUnasked(bracket, error));
  }
}

function whyUnasked({ request, signal }: Bracket, error: unknown): string {
  if (signal.aborted) return 'not finished: out of time';
  const { details, message } = toCowherdError(error);
  return details['timedOut'] === true
    ? `sqlite3 did not end within ${hardTimeoutMs(request)} ms`
    : message;
}

function hardTimeoutMs({ timeoutMs, mode, busyTimeoutMs }: CheckpointRequest): number {
  return timeoutMs ?? PASSES[mode] * busyTimeoutMs + PATIENCE_MS;
}

function noteOn(answer: Counters | null, stderr: string): string {
  if (answer === null) return stderr.trim() === '' ? 'sqlite3 said nothing' : stderr;
  return answer.log < 0 ? 'not in WAL mode any more' : stderr;
}

function sqlite({ fence, request, signal }: Bracket, database: DatabaseFile): Promise<RunResult> {
  const { uid, gid, pathBytes } = database;
  const options = ['-batch', '-bail', '-init', EMPTY_FILE, '-nofollow'];
  return fence.run({
    uid,
    gid,
    argv: ['sqlite3', ...options, databaseUri(pathBytes)],
    input: checkpointScript(request.mode, request.busyTimeoutMs, PASSES[request.mode]),
    timeoutMs: hardTimeoutMs(request),
    okExits: [1],
    signal,
  });
}
