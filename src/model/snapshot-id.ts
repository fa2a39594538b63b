import { CowherdError } from './errors.ts';
import { nearest } from './nearest.ts';

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
  const base = `${agent}@${createdAt
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '')}`;
  if (!taken(base)) return base;
  let ordinal = 1;
  while (taken(`${base}-${String(ordinal)}`)) ordinal += 1;
  return `${base}-${String(ordinal)}`;
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

/**
 * Picks a restore point by `--snapshot`: an id, `latest`, or an RFC 3339 time (the newest not after it; without
 * a fraction it includes its whole second). Safety snapshots are chosen by id only. Order of `snapshots` is free.
 * Throws SNAPSHOT_UNKNOWN, with the nearest id in the hint.
 */
export function pickSnapshot<T extends Listed>(
  snapshots: readonly T[],
  wanted: string,
  agent: string,
): T {
  const byId = snapshots.find((snapshot) => snapshot.id === wanted);
  if (byId) return byId;
  const limit = wanted === 'latest' ? Number.POSITIVE_INFINITY : endOf(wanted);
  if (limit === null) throw unknownId(snapshots, wanted, agent);
  const [newest] = newestFirst(
    snapshots.filter((s) => !s.safety && Date.parse(s.createdAt) <= limit),
  );
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

/** Newest first; equal times by ordinal of the id, the later taken first. */
export function newestFirst<T extends Pick<Listed, 'id' | 'createdAt'>>(
  snapshots: readonly T[],
): T[] {
  return [...snapshots].sort(
    (a, b) =>
      Date.parse(b.createdAt) - Date.parse(a.createdAt) ||
      ordinalOf(b.id) - ordinalOf(a.id) ||
      (a.id < b.id ? -1 : 1),
  );
}

function ordinalOf(id: string): number {
  return parseSnapshotId(id)?.ordinal ?? 0;
}

function endOf(time: string): number | null {
  if (!/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(time)) return null;
  const at = Date.parse(time);
  if (Number.isNaN(at)) return null;
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
