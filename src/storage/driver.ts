import type { FilePath } from '../model/file-path.ts';
import type { Manifest, NestedImage, StoredSnapshot } from '../model/manifest.ts';
import type { Mount } from '../model/mountinfo.ts';
import type { Tier } from '../model/snapshot.ts';
import type {
  DamagedRecord,
  InPlace,
  SwapVolume,
  TransactionRecord,
  Tree,
} from '../model/transaction.ts';
import type { Capabilities } from './capabilities.ts';
import type { Concern } from './concern.ts';
import type { LiveCopies } from './live-copies.ts';
import type { Measured } from './tree/compare-tree.ts';

/** A dataset's path from the filesystem's root, and whether system calls take it; where not, `path` says about where it is. */
export interface DatasetPlace extends FilePath {
  readonly reachable: boolean;
}

/** A dataset inside a volume's own, by its path in the volume. */
export interface NestedDataset extends FilePath {
  /** Why it cannot be captured with the volume, or null. */
  readonly reason: string | null;
}

/** Where a volume's data lies, as observed now. */
export interface Placement {
  readonly volume: string;
  /** Resolved host path of the data. */
  readonly mountpoint: string;
  /** Kernel's name of the filesystem: `btrfs`, `zfs`, `xfs`, `ext4`, `nfs4` … */
  readonly filesystem: string;
  readonly tier: Tier;
  /** Why the tier is `unsupported`, or why a supported one cannot capture this volume; else null. */
  readonly reason: string | null;
  /** What removes the reason, where the driver knows. */
  readonly hint: string | null;
  readonly isolated: boolean;
  /** The dataset that holds the data; its own when isolated. A ZFS dataset's name, or a btrfs subvolume's path from the top level. */
  readonly dataset: string;
  /** Filesystem UUID, or a ZFS pool's guid; empty where there is no driver. */
  readonly fsId: string;
  /** The data's path from the filesystem's root; on ZFS, where every dataset is mounted for itself, from the host's. */
  readonly pathInFs: string;
  /** Which incarnation of a Docker volume it is, by its directory's inode and birth; Docker's CreatedAt changes with every swap. Null where unknown. */
  readonly incarnation: string | null;
  /** Datasets inside the volume's own: captured and restored with it, as far as they can be. Outer ones first. */
  readonly nested: readonly NestedDataset[];
  /** Why its data cannot be swapped in place (it is a mount point of its own), or null. */
  readonly notSwappable: string | null;
  /** What a hostile hand could make of it, where `reason` or `notSwappable` refuses it for that; as a rule null. */
  readonly hostile: 'HOSTILE_PATH' | 'HOSTILE_STORE' | null;
}

/** Snapshots of one dataset that other tools took, and the volumes whose data they do not hold. */
export interface ForeignSnapshots {
  readonly dataset: string;
  readonly snapshots: readonly string[];
  readonly volumes: readonly string[];
}

/** The volumes of one restore point to be; its id is given when it is published. */
export interface CaptureSet {
  /** Names the set within its capture. */
  readonly key: string;
  readonly volumes: readonly Placement[];
}

/** An image as `finish` gives it. `image` is its name inside the restore point. */
export interface Image {
  readonly volume: string;
  readonly image: string;
  readonly guid: string;
  readonly sourceGuid: string;
  readonly nested: readonly NestedImage[];
  /** Datasets inside the volume that were to be captured and are not: gone, moved, or nothing that can be captured. */
  readonly lost: readonly FilePath[];
  /** False when something was left out of a copy, since it lies too deep to be copied again. */
  readonly whole: boolean;
  /** Files that did not change and could not be read while others were written; as a rule none. */
  readonly unread?: readonly FilePath[];
}

/** A capture of one or more restore points on one filesystem, prepared before the freeze. */
export interface Capture {
  /**
   * Before the freeze: writes what is dirty, so that `take` need not wait for it. A filesystem that is slow about it is not
   * waited for, unless nobody writes any more (`atRest`) and its images would lack what is not written. Throws then.
   */
  flush(atRest: boolean): Promise<void>;
  /** How long `take` will be about (ms); without it that is no time. */
  readonly expectedMs?: () => number;
  /** Takes every image; the only step inside the freeze. `moving`: keys of sets that are written meanwhile. An abort leaves it to `discard`. */
  take(signal: AbortSignal, moving?: ReadonlySet<string>): Promise<void>;
  /** Only where images are not of one moment unless nobody writes. */
  readonly live?: LiveCopies;
  /** Removes images that were taken, so that `take` can be tried again. */
  reset(): Promise<void>;
  /** After the thaw: reads images out where they are not isolated, and names them. Order of the set's volumes. */
  finish(key: string, signal?: AbortSignal): Promise<readonly Image[]>;
  /** Where an image of a set is before the set is published, for `readImages`. */
  location(key: string, image: string): string;
  /** Writes the manifest, fsyncs, and makes the restore point visible: the last step. */
  publish(key: string, manifest: Manifest, pinned: boolean): Promise<StoredSnapshot>;
  /** Removes what the set left, also half of it; a published set has left nothing. */
  discard(key: string): Promise<void>;
  /** Removes what the sets shared. */
  close(): Promise<void>;
}

/** The new data of a volume, prepared beside the old one before anything is stopped. */
export type StageSource =
  | {
      readonly from: 'image';
      readonly location: string;
      /** Datasets inside the volume: their paths in it, and where their images are. */
      readonly nested: readonly (FilePath & { readonly location: string })[];
    }
  | { readonly from: 'live' };

export interface StageRequest {
  readonly transaction: string;
  readonly volume: Placement;
  /** What the new data shall be: a dataset of its own or a plain directory. */
  readonly kind: Tree['kind'];
  readonly source: StageSource;
  /** Told of every part of the source that has no place in the new data. */
  readonly tell?: (message: string) => void;
  /** Ends the copying. */
  readonly signal?: AbortSignal;
}

/** What a bounded look at a volume's data tells. */
export interface VolumeFacts {
  /** Entries that are overwritten in place (NOCOW, `chattr +C`). */
  readonly nocow: number;
  /** Entries that nothing may change or remove (`chattr +i`, `+a`). */
  readonly immutable: number;
  /** The dataset was received from elsewhere: its images would be taken for what it is a copy of. */
  readonly receivedGuid: string | null;
  /** The look ended early: there may be more of them. */
  readonly truncated: boolean;
}

export interface InspectRequest {
  readonly volume: Placement;
  /** Host path of a read-only image of it. */
  readonly root: string;
  readonly maxEntries: number;
  readonly timeoutMs: number;
}

/** Work on read-only host directories. */
export type Use<T> = (roots: readonly string[]) => Promise<T>;

/** Everything Cowherd keeps and does on one filesystem. All methods are safe to repeat. */
export interface Store {
  readonly fsId: string;
  readonly capabilities: Capabilities;
  /** Every dataset that can be seen there, whatever any of them is called. */
  datasets(): Promise<readonly DatasetPlace[]>;
  /** What other tools took of the datasets around these volumes, each volume's own left out; only datasets that have some. */
  foreignSnapshots(volumes: readonly Placement[]): Promise<readonly ForeignSnapshots[]>;
  /** Restore points, or those with wanted ids, in no order. */
  list(isWanted?: (id: string) => boolean): Promise<readonly StoredSnapshot[]>;
  /** Ids whose manifest cannot be read, or is too large to be (8 MiB); their images are left alone. What is known to be `whole` is not looked at. */
  damaged(whole?: ReadonlySet<string>): Promise<readonly string[]>;
  /** True when the id is taken. */
  has(id: string): Promise<boolean>;
  capture(sets: readonly CaptureSet[], signal?: AbortSignal): Promise<Capture>;
  /** Gives transient read-only images of volumes to `use`, in their order, then removes them; volumes in one dataset share one. */
  withImages<T>(volumes: readonly Placement[], use: Use<T>, signal?: AbortSignal): Promise<T>;
  /** Gives images of restore points, by where they are, as read-only host directories to `use`. */
  readImages<T>(locations: readonly string[], use: Use<T>): Promise<T>;
  /** Looks at a read-only image, never at the live tree. */
  inspect(request: InspectRequest): Promise<VolumeFacts>;
  setPinned(id: string, pinned: boolean): Promise<void>;
  /** Destroys a restore point, and the retired data that was kept for it. Gone already is success. */
  destroy(id: string): Promise<void>;
  /** Bytes that destroying all of these would give back; null where the filesystem cannot say. */
  freed(ids: readonly string[]): Promise<number | null>;

  /** Throws TIER_UNSUPPORTED where a volume's data could not be copied whole. Reads all its names. */
  expectCopyable(volume: Placement, signal: AbortSignal): Promise<void>;
  /** Copies data to where `install` will take it from; compared with its source. Throws NO_SPACE, TOOL_FAILED. */
  stage(request: StageRequest): Promise<Tree>;
  /** What a volume that becomes a dataset will inherit from those around it, as `compression=lz4 (tank)`. */
  inherited(volume: Placement): Promise<readonly string[]>;
  /** Bytes allocated to a volume's files, and how many entries it has. Throws as the signal makes it end early. */
  measure(of: Placement, signal?: AbortSignal): Promise<Measured>;
  /** The tree at a volume's place now. Null when nothing is there. */
  treeAt(pathInFs: string): Promise<Tree | null>;
  inPlace(volume: SwapVolume): Promise<InPlace>;
  /** Makes room for what `retire` and `revert` move, before anything is stopped. */
  prepareAside(record: TransactionRecord, volume: SwapVolume): Promise<void>;
  /** Moves the old tree away, so that nothing can start on it. */
  retire(record: TransactionRecord, volume: SwapVolume): Promise<void>;
  /** Moves the new tree to its place. */
  install(record: TransactionRecord, volume: SwapVolume): Promise<void>;
  /** Brings the old tree back, moving the new one away first where it is in place. Safe at any state. */
  revert(record: TransactionRecord, volume: SwapVolume): Promise<void>;
  /** Destroys the tree that lost: the new one after a revert. */
  destroyNew(record: TransactionRecord, volume: SwapVolume): Promise<void>;
  /** Destroys the retired old tree. */
  destroyOld(record: TransactionRecord, volume: SwapVolume): Promise<void>;
  /** Makes all changes so far durable. Throws TOOL_FAILED when it takes longer (default 60 s). */
  sync(timeoutMs?: number): Promise<void>;

  /** Of transactions under way, as far as they can be read; then the others, and of committed rollbacks. */
  records(): Promise<readonly TransactionRecord[]>;
  damagedRecords(): Promise<readonly DamagedRecord[]>;
  saveRecord(record: TransactionRecord): Promise<void>;
  dropRecord(id: string): Promise<void>;
  /** Keeps the record of a committed rollback, and with it the retired data, until its safety snapshot goes. */
  keepRetired(record: TransactionRecord): Promise<void>;

  /** Bytes that can still be written, and the filesystem's size. */
  space(): Promise<{ readonly freeBytes: number; readonly sizeBytes: number }>;
  /** Why writes may soon fail though bytes are free, and what else is not as it should be; as a rule nothing. */
  concerns(): Promise<readonly Concern[]>;
  /** Tells, of a mount in some container, whether it shows what this transaction moved away. */
  movedMounts(record: TransactionRecord): Promise<(mount: Mount) => boolean>;
  /** Removes what dead runs left half done; gives what it removed, one line each. */
  collectLeftovers(): Promise<readonly string[]>;
  /** What `collectLeftovers` would remove. */
  leftovers(): Promise<readonly string[]>;
}

/** A filesystem's driver; what differs is in `capabilities`. */
export interface Driver {
  readonly tier: Tier;
  readonly capabilities: Capabilities;
  open(fsId: string): Promise<Store>;
}
