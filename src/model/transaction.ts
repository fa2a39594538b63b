/** What lies at a volume's place: a dataset of its own, or a plain directory of the dataset around it. */
export interface Tree {
  readonly kind: 'dataset' | 'directory';
  /** Dataset guid, or the inode number of a plain directory: steps find objects by it, never by name. Empty until it exists. */
  readonly guid: string;
}

/** One volume whose data a transaction replaces. */
export interface SwapVolume {
  readonly name: string;
  readonly fsId: string;
  /** Where the data lies, from the filesystem's root. */
  readonly pathInFs: string;
  readonly old: Tree;
  readonly new: Tree;
}

/** A container that a transaction stops, and how it was before. */
export interface StoppedContainer {
  readonly id: string;
  readonly name: string;
  /** It had processes, and is started again. */
  readonly ran: boolean;
  /** Its owner had paused it: it is paused again. */
  readonly paused: boolean;
  /** It was unhealthy before: it need not be healthy after. */
  readonly unhealthy: boolean;
}

/** `capture` moves no data: it only stops and starts containers. */
export const TRANSACTION_KINDS = ['adopt', 'unadopt', 'rollback', 'capture'] as const;
export type TransactionKind = (typeof TRANSACTION_KINDS)[number];

/**
 * How far it may have come. `preparing` has stopped nobody; until `swapped` a recovery reverts (old data back); from
 * `swapped` on it finishes; `reverting` reverts; `committed` only cleans up.
 */
export const TRANSACTION_PHASES = [
  'preparing',
  'stopping',
  'swapping',
  'swapped',
  'reverting',
  'committed',
] as const;
export type TransactionPhase = (typeof TRANSACTION_PHASES)[number];

/** The record of a swap under way, on the filesystem it speaks of, fsynced before the first change. */
export interface TransactionRecord {
  readonly format: 1;
  /** Begins with the owner tag of the process that runs it. */
  readonly id: string;
  readonly kind: TransactionKind;
  readonly agent: string;
  readonly createdAt: string;
  readonly phase: TransactionPhase;
  readonly snapshot: string | null;
  readonly safety: string | null;
  readonly start: boolean;
  readonly volumes: readonly SwapVolume[];
  readonly containers: readonly StoppedContainer[];
  /** Names of containers that joined a namespace of a stopped one and must be restarted after it. */
  readonly dependents: readonly string[];
}

/** A record that cannot be read as one: what it said is not known, so nothing it may speak of is touched. */
export interface DamagedRecord {
  readonly path: string;
  /** Of a transaction under way; else of a committed rollback that keeps its old data. */
  readonly underWay: boolean;
  /** As far as it can be read. */
  readonly agent: string | null;
}

/** Which of its two trees lies at a volume's place now; `unmounted`: the new one belongs there and is not mounted, for a key that is missing. */
export type InPlace = 'old' | 'new' | 'unmounted' | 'none' | 'foreign';

/** What a recovery does with a record, given what lies at each place. */
export function recoveryDirection(
  record: Pick<TransactionRecord, 'phase'>,
  places: readonly InPlace[],
): 'finish' | 'revert' {
  if (record.phase === 'committed') return 'finish';
  if (record.phase === 'reverting') return 'revert';
  return record.phase === 'swapped' &&
    places.every((place) => place === 'new' || place === 'unmounted')
    ? 'finish'
    : 'revert';
}
