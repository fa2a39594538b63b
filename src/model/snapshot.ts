import type { Failure } from './errors.ts';

/** How consistent a snapshot is, best first (CONTRACT.md, "grade"). */
export const GRADES = ['checkpointed', 'frozen', 'crash', 'live'] as const;
export type Grade = (typeof GRADES)[number];

export type Tier = 'zfs' | 'btrfs' | 'reflink' | 'tar' | 'unsupported';

/** On a filesystem with datasets a volume can be one of its own. */
export function hasDatasets(tier: Tier): boolean {
  return tier === 'zfs' || tier === 'btrfs';
}

/**
 * Why a database has no checkpoint: `owner` (root's, or a group's that is as good as root), `flaw` (see the manifest), `path` (too long for SQLite),
 * `limit` (of number, time or space), `damaged` (SQLite says so), `stuck` (its child did not end in time, or ran into a limit of its own), `left` (nobody was to open
 * it: SQLite is disabled, or it is in a sandbox), `failed` (anything else).
 */
export const CAUSES = [
  ...(['owner', 'flaw', 'path', 'limit'] as const),
  ...(['damaged', 'stuck', 'left', 'failed'] as const),
] as const;
export type Cause = (typeof CAUSES)[number];

/** One row of `PRAGMA wal_checkpoint`; busy -1 when the database could not be asked (`note` says why). */
export interface SqliteRow {
  readonly volume: string;
  /** Relative to the volume; lossy when it is not UTF-8, then `pathBase64` has the bytes. */
  readonly path: string;
  readonly pathBase64?: string;
  readonly mode: 'passive' | 'truncate';
  readonly busy: number;
  readonly log: number;
  readonly checkpointed: number;
  readonly note?: string;
  readonly cause?: Cause;
}

/** A database of a `live` restore point. One that is not whole was copied like any other file, while it may have been written. */
export interface LiveDatabase {
  readonly volume: string;
  /** Relative to the volume; lossy when it is not UTF-8, then `pathBase64` has the bytes. */
  readonly path: string;
  readonly pathBase64?: string;
  /** Copied by one read transaction, or not written to meanwhile: it holds everything that was committed before `createdAt`. */
  readonly whole: boolean;
  readonly note?: string;
  readonly cause?: Cause;
}

/** A captured volume. `guid` identifies the image, `location` says where it lies. */
export interface CapturedVolume {
  readonly name: string;
  readonly tier: Tier;
  readonly guid: string;
  readonly location: string;
}

/** A restore point as `cowherd snapshot|snapshots --json` shows it. */
export interface SnapshotDocument {
  readonly id: string;
  readonly agent: string;
  readonly createdAt: string;
  readonly grade: Grade;
  readonly atRest: boolean;
  readonly frozenMs: number;
  readonly pinned: boolean;
  readonly safety: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly volumes: readonly CapturedVolume[];
  readonly sqlite: readonly SqliteRow[];
  /** Of one that is graded `live`. */
  readonly liveDatabases?: readonly LiveDatabase[];
}

/** A volume that was not captured, and why; `partial` where the volume was, but for something in it. */
export interface Skipped {
  readonly agent: string;
  readonly volume: string;
  readonly code: 'TIER_UNSUPPORTED';
  readonly message: string;
  readonly partial?: true;
}

export interface SnapshotReport {
  readonly snapshots: readonly SnapshotDocument[];
  readonly skipped: readonly Skipped[];
  readonly failures: readonly Failure[];
}
