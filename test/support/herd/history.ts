import type { ErrorCode } from '../../../src/model/errors.ts';
import type { SnapshotDocument } from '../../../src/model/snapshot.ts';

export type Verb = 'snapshot' | 'rollback' | 'pin' | 'unpin' | 'prune' | 'recover' | 'snapshots';

/** A command of the herd. */
export interface Command {
  readonly verb: Verb;
  /** None: all of them. */
  readonly agents: readonly string[];
  /** The restore point it is about; null where it names none. */
  readonly id: string | null;
  /** `snapshot --pin`. */
  readonly pin: boolean;
  /** `--wait`, 0 without. */
  readonly waitMs: number;
}

/** A restore point as far as the model looks at it. */
export type Point = Pick<SnapshotDocument, 'id' | 'agent' | 'createdAt' | 'safety' | 'pinned'>;

/** What a command said, of whichever document. */
export interface Said {
  readonly snapshots?: readonly Point[];
  readonly snapshot?: string | null;
  readonly safety?: string | null;
  readonly outcome?: 'rolled-back' | 'reverted' | 'failed' | 'refused';
  readonly destroy?: readonly { readonly id: string }[];
  readonly results?: readonly unknown[];
  readonly failures?: readonly { readonly agent: string | null; readonly code: ErrorCode }[];
  readonly error?: { readonly code: ErrorCode };
}

/** A command that has ended: times in milliseconds since the epoch, all that it did lies between them. */
export interface Ended extends Command {
  readonly beganAt: number;
  readonly endedAt: number;
  /** By SIGKILL: what it did is not known. */
  readonly killed: boolean;
  readonly exitCode: number;
  readonly said: Said;
}

/** True when all of the one was over before the other began. */
export function isBefore(one: Ended, other: Ended): boolean {
  return one.endedAt < other.beganAt;
}

/** What went wrong, and with whom. */
export function failuresOf({ said }: Ended): NonNullable<Said['failures']> {
  return said.error ? [{ agent: null, code: said.error.code }] : (said.failures ?? []);
}

/** True for a pin of this restore point that was made for sure. */
export function pinned(one: Ended, id: string): boolean {
  if (one.killed) return false;
  if (one.verb === 'snapshot') return one.pin && isIn(one.said.snapshots, id);
  return one.verb === 'pin' && one.id === id && one.exitCode === 0;
}

/** True for a command that may have pinned it. */
export function mayPin(one: Ended, id: string): boolean {
  if (one.verb === 'snapshot') return one.pin && (one.killed || isIn(one.said.snapshots, id));
  return one.verb === 'pin' && one.id === id && (one.killed || one.exitCode === 0);
}

/** The same of an unpinning. */
export function mayUnpin(one: Ended, id: string): boolean {
  return one.verb === 'unpin' && one.id === id && (one.killed || one.exitCode === 0);
}

/** True for a prune that destroyed it for sure. */
export function pruned(one: Ended, id: string): boolean {
  return one.verb === 'prune' && !one.killed && isIn(one.said.destroy, id);
}

/** True for one that may have. */
export function mayPrune(one: Ended, id: string): boolean {
  return pruned(one, id) || (one.verb === 'prune' && one.killed && one.id === id);
}

function isIn(list: readonly { readonly id: string }[] = [], id: string): boolean {
  return list.some((one) => one.id === id);
}

/** For people: what it was, when (from `since`, in seconds), and what came of it. */
export function describe(one: Ended, since = 0): string {
  const { verb, agents, id, waitMs, beganAt, endedAt, killed, exitCode } = one;
  const at = (time: number) => ((time - since) / 1000).toFixed(2);
  const words = [verb, ...agents, ...(id === null ? [] : [id]), ...(waitMs > 0 ? ['--wait'] : [])];
  const codes = failuresOf(one).map(({ code }) => code);
  const end = killed ? 'killed' : [String(exitCode), ...codes].join(' ');
  return `${words.join(' ')} [${at(beganAt)}–${at(endedAt)}: ${end}]`;
}
