import { policyFor } from '../config/policy.ts';
import type { Docker } from '../docker/docker.ts';
import { isAlive, type Container } from '../model/agent.ts';
import { filePath } from '../model/file-path.ts';
import { escapeForTerminal } from '../model/names.ts';
import type { LiveDatabase } from '../model/snapshot.ts';
import { copyDatabases, type DatabaseCopy } from '../quiesce/copy-databases.ts';
import { findDatabases } from '../quiesce/databases.ts';
import { privilegedGids } from '../quiesce/privileged-groups.ts';
import type { DatabaseFile } from '../quiesce/read-candidates.ts';
import type { Capture, Placement } from '../storage/driver.ts';
import type { LiveCopies, Replacement } from '../storage/live-copies.ts';
import type { Context } from './context.ts';
import { usersOf } from './locking.ts';
import type { Candidate } from './snapshot-plan.ts';
import { isSandboxed } from './sqlite.ts';

export interface LiveRequest {
  readonly candidate: Candidate;
  readonly captures: ReadonlyMap<string, Capture>;
  readonly docker: Docker | null;
  readonly containers: readonly Container[];
  /** When the copying began. */
  readonly createdAt: Date;
}

/** How long a copy waits for a lock, where the config does not say longer. */
const BUSY_TIMEOUT_MS = 5_000;
const MAX_NOTE = 300;
const BESIDE = ['-wal', '-shm', '-journal'].map((suffix) => Buffer.from(suffix));

/**
 * The databases of an agent whose volumes were written while they were copied file by file: each copied once more, by one read
 * transaction, and put in place of what was copied. All that were found are told of, volume by volume. Throws what the store throws;
 * a database that could not be copied says why.
 */
export async function copyLiveDatabases(
  context: Context,
  request: LiveRequest,
): Promise<readonly LiveDatabase[]> {
  const left = await whyLeft(context, request);
  const gids = await privilegedGids(context.config.docker?.socket ?? null);
  const rows: LiveDatabase[] = [];
  for (const placement of request.candidate.volumes) {
    const live = request.captures.get(placement.fsId)?.live;
    if (live === undefined) continue;
    const found = await copyIn(context, { request, placement, live, left, gids });
    for (const copy of found) {
      const isQuiet = await wasQuiet(
        live,
        { volume: placement.volume, since: request.createdAt },
        copy,
      );
      rows.push(rowOf(placement.volume, copy, isQuiet));
    }
  }
  return rows;
}

/** What its owner did not write to needs no transaction. Other names of its files, and a sandbox, may hide what is written. */
async function wasQuiet(
  live: LiveCopies,
  { volume, since }: { readonly volume: string; readonly since: Date },
  { database: { pathBytes: path }, copy, cause }: DatabaseCopy,
): Promise<boolean> {
  if (copy !== null || cause === 'flaw' || cause === 'left') return false;
  const files = ['', '-wal', '-journal'].map((suffix) =>
    Buffer.concat([path, Buffer.from(suffix)]),
  );
  return live.areQuiet(volume, files, since);
}

interface VolumeRequest {
  readonly request: LiveRequest;
  readonly placement: Placement;
  readonly live: LiveCopies;
  /** Why no database of the agent is opened, or null. */
  readonly left: string | null;
  readonly gids: ReadonlySet<number>;
}

async function copyIn(
  context: Context,
  { request, placement, live, left, gids }: VolumeRequest,
): Promise<readonly DatabaseCopy[]> {
  const { volume, mountpoint, fsId } = placement;
  const { sqlite } = policyFor(context.config, request.candidate.agent.name).quiesce;
  const store = await context.openStore(fsId);
  return store.readImages([live.location(volume)], async ([seen = '']) => {
    const [scan] = await findDatabases([seen]);
    const databases = scan?.databases ?? [];
    if (databases.length === 0) return [];
    if (left !== null) return databases.map((database) => notOpened(database, left));
    const copies = await copyDatabases({
      ...{ root: mountpoint, seen, databases, privilegedGids: gids },
      scratch: await live.scratch(),
      runtimeDir: context.runtimeDir,
      busyTimeoutMs: Math.max(BUSY_TIMEOUT_MS, sqlite.busyTimeoutMs),
      signal: context.interrupt,
    });
    context.interrupt.throwIfAborted();
    await live.replace(volume, copies.flatMap(replacementOf));
    return copies;
  });
}

/** The copy needs nothing of what lay beside the database. */
function replacementOf({ database: { pathBytes: path }, copy }: DatabaseCopy): Replacement[] {
  const without = BESIDE.map((suffix) => Buffer.concat([path, suffix]));
  return copy === null ? [] : [{ path, from: copy, without }];
}

function notOpened(database: DatabaseFile, note: string): DatabaseCopy {
  return { database, copy: null, note, cause: 'left' };
}

async function whyLeft(
  { config }: Context,
  { candidate, docker, containers }: LiveRequest,
): Promise<string | null> {
  const { agent } = candidate;
  if (!policyFor(config, agent.name).quiesce.sqlite.enabled) return 'quiesce.sqlite is disabled';
  if (docker === null) return null;
  const alive = usersOf(agent, containers).filter(isAlive);
  const users = await Promise.all(alive.map(async ({ id }) => docker.inspect(id)));
  const sandbox = users.find((details) => details !== null && isSandboxed(details));
  return sandbox === undefined || sandbox === null
    ? null
    : `${sandbox.name}, which uses it, runs in a sandbox`;
}

function rowOf(
  volume: string,
  { database, copy, note, cause }: DatabaseCopy,
  isQuiet: boolean,
): LiveDatabase {
  return {
    volume,
    ...filePath(database.pathBytes),
    whole: copy !== null || isQuiet,
    ...(note === null ? {} : { note: escapeForTerminal(note).slice(0, MAX_NOTE) }),
    ...(cause === null ? {} : { cause }),
  };
}
