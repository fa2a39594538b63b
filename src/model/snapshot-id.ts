import { CowherdError } from './errors.ts';
import { nearest } from './nearest.ts';
import { parseTime } from './rfc3339.ts';

export interface ParsedId {
  readonly agent: string;
  readonly createdAt: Date;
  /** 0 for the first of a second, then 1, 2 … */
  readonly ordinal: number;
}

const PATTERN =
  /^([A-Za-z0-9_.%~-]{1,128})@(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-([1-9]\d*))?$/;

/** The id of an agent's restore point: `alpha@20261122T110503Z`, with `-1`, `-2` … while `taken` says it exists. */
export function nextSnapshotId(
  agent: string,
  createdAt: Date,
  taken: (id: string) => boolean,
): string {
  const base = `${agent}@${compactTime(createdAt)}`;
  if (!taken(base)) return base;
  let ordinal = 1;
  while (taken(`${base}-${String(ordinal)}`)) ordinal += 1;
  return `${base}-${String(ordinal)}`;
}

/** `20261122T110503Z`. */
export function compactTime(at: Date): string {
  return at
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '');
}

/** The parts of an id, or null for a name that is not ours. */
export function parseSnapshotId(text: string): ParsedId | null {
  const match = PATTERN.exec(text);
  if (!match) return null;
  const [, agent = '', year, month, day, hour, minute, second, ordinal] = match;
  const createdAt = new Date(
    `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}Z`,
  );
  if (Number.isNaN(createdAt.getTime())) return null;
  return { agent, createdAt, ordinal: Number(ordinal ?? 0) };
}

interface Listed {
  readonly id: string;
  readonly createdAt: string;
  readonly safety: boolean;
}

/** Clocks of one host may differ so much from one run to the next. */
const CLOCK_TOLERANCE_MS = 60_000;

/** True for a time that a clock which is right now cannot have shown before. */
export function isAhead(atMs: number, nowMs: number): boolean {
  return atMs > nowMs + CLOCK_TOLERANCE_MS;
}

/** True for a restore point from the future: the clock is wrong now, or was when it was taken. */
export function isFuture({ createdAt }: Pick<Listed, 'createdAt'>, now: Date): boolean {
  return isAhead(Date.parse(createdAt), now.getTime());
}

/**
 * The newest restore point that is no safety snapshot. One from the future does not count, unless there is no other: a clock
 * that was wrong once must not make it the newest for years.
 */
export function newestOf<T extends Listed>(snapshots: readonly T[], now: Date): T | undefined {
  const counted = newestFirst(snapshots.filter(({ safety }) => !safety));
  return counted.find((snapshot) => !isFuture(snapshot, now)) ?? counted[0];
}

export interface Wanted {
  readonly agent: string;
  /** An id, `latest`, or an RFC 3339 time: the newest not after it; without a fraction it includes its whole second. */
  readonly snapshot: string;
  readonly now: Date;
}

/**
 * Picks a restore point by `--snapshot`. Safety snapshots are chosen by id only; `latest` is {@link newestOf}. Order of
 * `snapshots` is free. Throws SNAPSHOT_UNKNOWN, with the nearest id in the hint.
 */
export function pickSnapshot<T extends Listed>(
  snapshots: readonly T[],
  { agent, snapshot: wanted, now }: Wanted,
): T {
  const byId = snapshots.find((snapshot) => snapshot.id === wanted);
  if (byId) return byId;
  const newest =
    wanted === 'latest' ? newestOf(snapshots, now) : newestUntil(snapshots, wanted, agent);
  if (!newest) {
    throw new CowherdError(
      'SNAPSHOT_UNKNOWN',
      `${agent} has no restore point ${wanted === 'latest' ? 'yet' : `at or before ${wanted}`}`,
      {
        hint: `take one with: cowherd snapshot ${agent}`,
      },
    );
  }
  return newest;
}

function newestUntil<T extends Listed>(
  snapshots: readonly T[],
  time: string,
  agent: string,
): T | undefined {
  const limit = endOf(time);
  if (limit === null) throw unknownId(snapshots, time, agent);
  return newestFirst(snapshots).find((s) => !s.safety && Date.parse(s.createdAt) <= limit);
}

/** Newest first; equal times by ordinal of the id, the later taken first. */
export function newestFirst<T extends Pick<Listed, 'id' | 'createdAt'>>(
  snapshots: readonly T[],
): T[] {
  return snapshots
    .map((snapshot) => ({ snapshot, ms: Date.parse(snapshot.createdAt) }))
    .sort((a, b) => b.ms - a.ms || byTurn(a.snapshot.id, b.snapshot.id))
    .map(({ snapshot }) => snapshot);
}

/** The order of what has one time: the later taken first, so the same whatever the order was before. */
export function byTurn(a: string, b: string): number {
  if (a === b) return 0;
  return ordinalOf(b) - ordinalOf(a) || (a < b ? -1 : 1);
}

/** What follows the last `Z` of an id; of most that is nothing. */
function ordinalOf(id: string): number {
  return id.endsWith('Z') ? 0 : (parseSnapshotId(id)?.ordinal ?? 0);
}

function endOf(time: string): number | null {
  const at = parseTime(time);
  if (at === null) return null;
  return time.includes('.') ? at : at + 999;
}

function unknownId(snapshots: readonly Listed[], wanted: string, agent: string): CowherdError {
  const near = nearest(
    wanted,
    snapshots.map((snapshot) => snapshot.id),
  );
  return new CowherdError('SNAPSHOT_UNKNOWN', `${agent} has no restore point ${wanted}`, {
    hint: near === null ? `list them with: cowherd snapshots ${agent}` : `did you mean ${near}?`,
  });
}
