import { EXIT_STATUS, type ErrorCode } from '../../../src/model/errors.ts';
import { describe, failuresOf, isBefore, mayPin, mayPrune, type Ended } from './history.ts';
import { isOlder, madeBy } from './points.ts';

type History = readonly Ended[];

/** Whether work on one agent can keep another from working on the other: they share a container or a volume. */
export type Shares = (one: string, other: string) => boolean;

/** A waiting flock(1) of a run that was killed may still take the lock, and end at once. */
const LINGER_MS = 2_000;

/** Failures that no other command explains, and exit statuses that are not those of their failures. */
export function wrongOutcomes(history: History, shares: Shares): readonly string[] {
  return history
    .filter(({ killed }) => !killed)
    .flatMap((one) => {
      const failures = failuresOf(one);
      const unexplained = failures.filter(
        ({ agent, code }) => !isExplained(history, { one, agent, code, shares }),
      );
      return [
        ...unexplained.map(({ agent, code }) => `${describe(one)}: ${agent ?? ''} ${code}: why?`),
        ...(hasRightStatus(one) ? [] : [`${describe(one)}: not the status of its outcome`]),
      ];
    });
}

function hasRightStatus(one: Ended): boolean {
  const { exitCode, said } = one;
  const codes = failuresOf(one).map(({ code }) => code);
  if (codes.length === 0) return exitCode === 0;
  const some = [said.snapshots, said.destroy, said.results].some((done) => (done ?? []).length > 0);
  return some ? exitCode === 3 : codes.some((code) => exitCode === EXIT_STATUS[code]);
}

interface Case {
  readonly one: Ended;
  readonly agent: string | null;
  readonly code: ErrorCode;
  readonly shares: Shares;
}

function isExplained(history: History, the: Case): boolean {
  const { one, code } = the;
  const { id } = one;
  switch (code) {
    case 'LOCKED':
      return isLocked(history, the);
    case 'SNAPSHOT_UNKNOWN':
      return id !== null && history.some((o) => mayPrune(o, id) && o.beganAt <= one.endedAt);
    case 'CONFIRMATION_REQUIRED':
      return one.verb === 'prune' && id !== null && mayBeKept(history, one, id);
    default:
      return false;
  }
}

/** Another run worked on it, or on what it shares, at some time meanwhile; one that waits says so after its time only. */
function isLocked(history: History, { one, agent, shares }: Case): boolean {
  if (one.endedAt - one.beganAt < one.waitMs) return false;
  const wanted = agent === null ? one.agents : [agent];
  return history.some(
    (other) =>
      other !== one &&
      takesLocks(other) &&
      other.beganAt <= one.endedAt &&
      other.endedAt + LINGER_MS >= one.beganAt &&
      (other.agents.length === 0 ||
        other.agents.some((held) => wanted.some((agent) => shares(held, agent)))),
  );
}

function takesLocks({ verb }: Ended): boolean {
  return ['snapshot', 'rollback', 'prune', 'recover'].includes(verb);
}

/** It is a safety snapshot, may have been pinned, or may have been the newest of its agent. */
function mayBeKept(history: History, one: Ended, id: string): boolean {
  if (history.some((other) => mayPin(other, id) && other.beganAt <= one.endedAt)) return true;
  const known = history.flatMap((by) => [...madeBy(by), ...(by.said.snapshots ?? [])]);
  const point = known.find((each) => each.id === id);
  if (point === undefined || point.safety) return true;
  const there = history
    .filter((by) => isBefore(by, one))
    .flatMap(madeBy)
    .filter((made) => !history.some((o) => mayPrune(o, made.id) && o.beganAt <= one.endedAt));
  return !isOlder(there, point);
}

/** How often each kind of command ended in which way, sorted. */
export function tally(history: History): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const one of history) {
    const codes = [...new Set(failuresOf(one).map(({ code }) => code))].sort();
    const end = one.killed ? 'killed' : [String(one.exitCode), ...codes].join(' ');
    const key = `${one.verb} ${end}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort());
}

/** How many commands did what they are for, all of it or some. */
export function achieved(
  history: History,
): Readonly<Record<'snapshot' | 'rollback' | 'prune', number>> {
  const count = (is: (one: Ended) => boolean) => history.filter(is).length;
  return {
    snapshot: count(({ verb, said }) => verb === 'snapshot' && (said.snapshots ?? []).length > 0),
    rollback: count(({ said }) => said.outcome === 'rolled-back'),
    prune: count(({ said }) => (said.destroy ?? []).length > 0),
  };
}
