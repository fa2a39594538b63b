import type { FilePath } from './file-path.ts';
import type { Grade, LiveDatabase, SqliteRow, Tier } from './snapshot.ts';

/**
 * What keeps a database from being opened by us: `header` (it says it is one, and its first page is none), `links` (the file has
 * several names), `beside` (its -wal, -shm or -journal is a link, has several names, or is no regular file).
 */
export type DatabaseFlaw = 'header' | 'links' | 'beside';

/** A database seen in a captured image; the next run checkpoints these. */
export interface RecordedDatabase extends FilePath {
  readonly volume: string;
  readonly wal: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Size of the `-wal` in the image: what a replay will read. */
  readonly walBytes: number;
  /** Size of the database itself; older manifests do not say it. */
  readonly sizeBytes?: number;
  readonly flaw?: DatabaseFlaw;
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
export interface NestedImage extends FilePath {
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
  /** Its databases are not all known: there are too many files or databases in it, or some could not be read. */
  readonly unsearched?: true;
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
  /** Of one that is graded `live`. */
  readonly liveDatabases?: readonly LiveDatabase[];
  /** How many of the two were left out because the agent has too many; absent where none was. */
  readonly cut?: { readonly sqlite: number; readonly databases: number };
}

/** A restore point as a store lists it. */
export interface StoredSnapshot {
  readonly manifest: Manifest;
  readonly pinned: boolean;
  /** It has been unpinned: nothing but rules and times keeps it. */
  readonly unpinned: boolean;
  /** Where each image is, by its name: a host path, or a ZFS snapshot's full name. */
  readonly locations: Readonly<Record<string, string>>;
}
