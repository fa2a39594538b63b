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
 * `limit` (of number or time), `damaged` (SQLite says so), `stuck` (its child did not end in time, or ran into a limit of its own), `failed` (anything else).
 */
export const CAUSES = ['owner', 'flaw', 'path', 'limit', 'damaged', 'stuck', 'failed'] as const;
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
