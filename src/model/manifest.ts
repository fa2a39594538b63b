import type { Grade, SqliteRow, Tier } from './snapshot.ts';

/** A database seen in a captured image; the next run checkpoints these. */
export interface RecordedDatabase {
  readonly volume: string;
  /** Lossy when not UTF-8; then `pathBase64` has the bytes. */
  readonly path: string;
  readonly pathBase64?: string;
  readonly wal: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Size of the `-wal` in the image: what a replay will read. */
  readonly walBytes: number;
}

export interface RecordedContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly digests: readonly string[];
  readonly state: string;
}

/** The image of a dataset inside a volume's own; `path` is relative to the volume. */
export interface NestedImage {
  readonly path: string;
  readonly image: string;
}

/** One volume of a restore point: where its image is and which incarnation of the volume it shows. */
export interface RecordedVolume {
  readonly name: string;
  readonly kind: 'docker' | 'path';
  readonly role: string;
  readonly tier: Tier;
  readonly fsId: string;
  /** Name of the image inside the restore point. */
  readonly image: string;
  readonly guid: string;
  readonly nested: readonly NestedImage[];
  readonly isolated: boolean;
  /** What its dataset was called. */
  readonly dataset?: string;
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Docker's CreatedAt, the guid of the dataset it was captured from, and what stays the same until Docker removes the volume. */
  readonly incarnation: {
    readonly createdAt: string | null;
    readonly sourceGuid: string;
    readonly directory: string | null;
  };
}

/** What a restore point is, stored beside its images. Immutable: pins lie beside it. */
export interface Manifest {
  readonly format: 1;
  readonly id: string;
  readonly agent: string;
  readonly aliases: readonly string[];
  readonly host: string;
  readonly cowherd: string;
  readonly createdAt: string;
  readonly grade: Grade;
  readonly atRest: boolean;
  readonly frozenMs: number;
  readonly safety: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** The filesystem whose copy of this manifest, published last, makes the restore point complete. */
  readonly home: string;
  readonly containers: readonly RecordedContainer[];
  readonly volumes: readonly RecordedVolume[];
  readonly skipped: readonly { readonly volume: string; readonly message: string }[];
  readonly sqlite: readonly SqliteRow[];
  readonly databases: readonly RecordedDatabase[];
}

/** A restore point as a store lists it. */
export interface StoredSnapshot {
  readonly manifest: Manifest;
  readonly pinned: boolean;
  /** Where each image is, by its name: a host path, or a ZFS snapshot's full name. */
  readonly locations: Readonly<Record<string, string>>;
}
