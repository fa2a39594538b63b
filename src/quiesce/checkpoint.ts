import type { RunResult } from '../exec/run.ts';
import { toCowherdError } from '../model/errors.ts';
import type { Cause, SqliteRow } from '../model/snapshot.ts';
import { refusalOf, type Refusals } from './checkpoint-refusal.ts';
import {
  answerOf,
  checkpointScript,
  databaseUri,
  rowFor,
  type Answer,
  type Counters,
} from './checkpoint-script.ts';
import { CHILD_LIMITS, fileLimit, type ChildLimits } from './child-limits.ts';
import { EMPTY_FILE } from '../exec/fence-mounts.ts';
import { openFence, type Fence } from './fence.ts';
import { mapLimited } from '../model/limited.ts';
import type { DatabaseFile } from './read-candidates.ts';
import type { Slots } from './slots.ts';

export interface CheckpointRequest extends Refusals {
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
  /** Shared with every other checkpoint of the run. */
  readonly slots?: Slots;
  /** Of each child; default {@link CHILD_LIMITS} with {@link fileLimit}. */
  readonly limits?: ChildLimits;
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
 * never throws: what could not be asked has busy, log and checkpointed -1, a note and a cause. On a database nobody has open the
 * child is the last to close: SQLite then removes -wal and -shm, as it would for the owner's own program.
 */
export async function checkpointVolume(request: CheckpointRequest): Promise<readonly SqliteRow[]> {
  const databases = request.databases.filter((database) => database.wal);
  const refused = databases.map((database, index) => refusalOf(request, database, index));
  const asked = await ask(
    request,
    databases.filter((_, index) => refused[index] === null),
  );
  const answers = asked.values();
  return databases.map((database, index) =>
    rowFor(request, database, refused[index] ?? answers.next().value ?? UNASKED),
  );
}

const UNASKED: Answer = { counters: null };

/** In their order; never throws. */
async function ask(
  request: CheckpointRequest,
  databases: readonly DatabaseFile[],
): Promise<readonly Answer[]> {
  if (databases.length === 0) return [];
  try {
    return await inFence(request, databases);
  } catch (error) {
    const note = toCowherdError(error).message;
    return databases.map(() => ({ counters: null, note, cause: 'failed' }));
  }
}

async function inFence(
  request: CheckpointRequest,
  databases: readonly DatabaseFile[],
): Promise<readonly Answer[]> {
  const budget = AbortSignal.timeout(request.budgetMs ?? BUDGET_MS);
  const signal = request.signal === undefined ? budget : AbortSignal.any([budget, request.signal]);
  const fence = await openFence(request.root, request.runtimeDir);
  try {
    return await mapLimited(databases, AT_ONCE, async (database) => {
      const giveBack = await request.slots?.take();
      const answer = await checkpointOne({ fence, request, signal }, database);
      giveBack?.();
      return answer;
    });
  } finally {
    await fence.close();
  }
}

interface Bracket {
  readonly fence: Fence;
  readonly request: CheckpointRequest;
  readonly signal: AbortSignal;
}

/** Never throws. */
async function checkpointOne(bracket: Bracket, database: DatabaseFile): Promise<Answer> {
  const { signal } = bracket;
  if (signal.aborted) return { counters: null, note: 'not asked: out of time', cause: 'limit' };
  try {
    const { stdout, stderr } = await sqlite(bracket, database);
    return answered(answerOf(stdout, isCheckpointed), stderr);
  } catch (error) {
    return unanswered(bracket, error);
  }
}

const DAMAGE = /malformed|not a database|unsupported file format/;
const OUT_OF_MEMORY = /out of memory/;

function answered(counters: Counters | null, stderr: string): Answer {
  if (counters !== null)
    return { counters, note: counters.log < 0 ? 'not in WAL mode any more' : stderr };
  const note = stderr.trim() === '' ? 'sqlite3 said nothing' : stderr;
  return { counters, note, cause: causeOf(stderr) };
}

function causeOf(stderr: string): Cause {
  if (DAMAGE.test(stderr)) return 'damaged';
  return OUT_OF_MEMORY.test(stderr) ? 'stuck' : 'failed';
}

/** A child that a signal ended (exit -1) was ended by us, or by the kernel for a limit. */
function unanswered({ request, signal }: Bracket, error: unknown): Answer {
  if (signal.aborted) return { counters: null, note: 'not finished: out of time', cause: 'limit' };
  const { details, message } = toCowherdError(error);
  const timedOut = `sqlite3 did not end within ${String(hardTimeoutMs(request))} ms`;
  const note = details['timedOut'] === true ? timedOut : message;
  const ended = details['timedOut'] === true || details['exitCode'] === -1;
  return { counters: null, note, cause: ended ? 'stuck' : 'failed' };
}

function hardTimeoutMs({ timeoutMs, mode, busyTimeoutMs }: CheckpointRequest): number {
  return timeoutMs ?? PASSES[mode] * busyTimeoutMs + PATIENCE_MS;
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
    limits: request.limits ?? { ...CHILD_LIMITS, fileBytes: fileLimit(database) },
    signal,
  });
}
