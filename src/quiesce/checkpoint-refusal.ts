import type { DatabaseFlaw } from '../model/manifest.ts';
import { MAX_PATH_BYTES, type Answer } from './checkpoint-script.ts';
import { isOrdinary } from './fence.ts';
import type { DatabaseFile } from './read-candidates.ts';

/** Whose databases are opened, and how many. */
export interface Refusals {
  /** Groups in which nothing is run; root's is always one. */
  readonly privilegedGids?: ReadonlySet<number>;
  /** Databases of the volume beyond so many are not asked; default all. */
  readonly most?: number;
}

const FLAWS: Readonly<Record<DatabaseFlaw, string>> = {
  header: 'its first page is not that of a database',
  links: 'the file has several names (hard links)',
  beside: 'its -wal, -shm or -journal is a link or no regular file',
};

/** Why a volume's WAL database is not opened at all, or null; `index` counts those that come before it. */
export function refusalOf(
  refusals: Refusals,
  database: DatabaseFile,
  index: number,
): Answer | null {
  const { uid, gid, flaw, pathBytes } = database;
  const { privilegedGids, most = Infinity } = refusals;
  const say = (cause: NonNullable<Answer['cause']>, note: string): Answer => ({
    counters: null,
    note,
    cause,
  });
  if (flaw !== null) return say('flaw', FLAWS[flaw]);
  if (uid === 0) return say('owner', 'owned by root');
  if (!isOrdinary(uid)) return say('owner', `owned by ${String(uid)}`);
  if (!isOrdinary(gid) || privilegedGids?.has(gid) === true)
    return say('owner', `owned by group ${String(gid)}, which is as good as root here`);
  if (pathBytes.length > MAX_PATH_BYTES)
    return say('path', `its path is longer than the ${String(MAX_PATH_BYTES)} bytes SQLite opens`);
  return index < most ? null : say('limit', 'not asked: the agent has too many databases');
}
