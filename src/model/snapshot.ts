import type { Failure } from './errors.ts';

/** How consistent a snapshot is, best first (CONTRACT.md, "grade"). */
export const GRADES = ['checkpointed', 'frozen', 'crash', 'live'] as const;
export type Grade = (typeof GRADES)[number];

export type Tier = 'zfs' | 'btrfs' | 'reflink' | 'tar' | 'unsupported';

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

/** A volume that was not captured, and why. */
export interface Skipped {
  readonly agent: string;
  readonly volume: string;
  readonly code: 'TIER_UNSUPPORTED';
  readonly message: string;
}

export interface SnapshotReport {
  readonly snapshots: readonly SnapshotDocument[];
  readonly skipped: readonly Skipped[];
  readonly failures: readonly Failure[];
}
