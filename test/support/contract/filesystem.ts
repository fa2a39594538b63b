import type { Driver, Placement, Store } from '../../../src/storage/driver.ts';

/** A throw-away filesystem on which a driver shows that it keeps the contract of `Store`. */
export interface ContractFilesystem {
  readonly fsId: string;
  readonly driver: Driver;
  /** Where the harness may put what lies outside the filesystem. */
  readonly scratch: string;
  /** Host path of what the store keeps as files: `snapshots/ID/manifest.json` and the like. */
  readonly storeDirectory: string;
  /** What this filesystem can hold, besides the driver's capabilities. */
  readonly can: {
    /** A volume may be a dataset of its own. */
    readonly isolate: boolean;
    /** A volume that is a plain directory can be captured. */
    readonly captureInside: boolean;
    /** Datasets may lie inside a volume's own. */
    readonly nest: boolean;
    /** Files can be marked as immutable (chattr(1)). */
    readonly flags: boolean;
    /** FIFOs are captured. */
    readonly fifos: boolean;
    /** Files can be marked to be overwritten in place. */
    readonly nocow: boolean;
  };
  /** How many datasets, snapshots included, there are on the whole filesystem. */
  objects(): Promise<number>;
  /** A store as a new process would open it. */
  open(): Promise<Store>;
  /** Makes an empty volume. */
  volume(name: string, isolated: boolean): Promise<Placement>;
  /** Where a volume lies now, with its nested datasets. */
  place(name: string): Promise<Placement>;
  /** Makes an empty dataset inside an isolated volume. */
  nest(volume: Placement, path: string): Promise<void>;
  /** Replaces a volume's data behind the driver's back; gives where the old data went. */
  replace(volume: Placement): Promise<string>;
  /** A module whose `openStore(reach)` opens the store in another process. */
  readonly entry: { readonly module: string; readonly reach: readonly string[] };
  /** Removes all of it, by id. */
  remove(): Promise<void>;
}

export interface DriverContract {
  readonly name: string;
  readonly makeFilesystem: () => Promise<ContractFilesystem>;
}
