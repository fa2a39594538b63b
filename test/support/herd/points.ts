import { newestFirst, parseSnapshotId } from '../../../src/model/snapshot-id.ts';
import {
  describe,
  isBefore,
  mayPin,
  mayPrune,
  mayUnpin,
  pinned,
  pruned,
  type Ended,
  type Point,
} from './history.ts';

type History = readonly Ended[];

/** A restore point whose making was told: by `by`, which has ended. */
interface Made extends Point {
  readonly by: Ended;
}

/** What the history of commands and listings says of restore points that no order of the commands can explain. */
export function wrongPoints(history: History): readonly string[] {
  const made = history.flatMap(madeBy);
  const listings = history.filter(({ verb, exitCode }) => verb === 'snapshots' && exitCode === 0);
  return [
    ...twice(made),
    ...listings.flatMap((listing) => [
      ...missing(history, made, listing),
      ...unexpected(history, made, listing),
    ]),
    ...made.flatMap((point) => wronglyPruned(history, made, point)),
  ];
}

/** The restore points that a command said it made. */
export function madeBy(by: Ended): readonly Made[] {
  const { verb, said, killed } = by;
  if (killed) return [];
  if (verb === 'snapshot') return (said.snapshots ?? []).map((point) => ({ ...point, by }));
  if (verb !== 'rollback' || !said.safety) return [];
  const { agent, createdAt } = parseSnapshotId(said.safety) ?? {
    agent: '',
    createdAt: new Date(0),
  };
  const times = { createdAt: createdAt.toISOString() };
  return [{ id: said.safety, agent, ...times, safety: true, pinned: false, by }];
}

function twice(made: readonly Made[]): readonly string[] {
  const ids = made.map(({ id }) => id);
  return ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id} was made twice`);
}

/** A pin that held from `from` on for all of `during`, whatever else went on. */
function heldBy(history: History, id: string, during: Ended): Ended | undefined {
  return history.find(
    (from) =>
      pinned(from, id) &&
      isBefore(from, during) &&
      !history.some(
        (other) => mayUnpin(other, id) && !isBefore(other, from) && other.beganAt <= during.endedAt,
      ),
  );
}

function missing(history: History, made: readonly Made[], listing: Ended): readonly string[] {
  const listed = new Map((listing.said.snapshots ?? []).map((point) => [point.id, point]));
  return made
    .filter(({ by }) => isBefore(by, listing))
    .flatMap(({ id }) => {
      const where = `in ${describe(listing)}`;
      const held = heldBy(history, id, listing);
      const point = listed.get(id);
      if (point !== undefined) return wrongPin(history, point, { listing, held });
      if (held !== undefined) return [`${id} is gone ${where}, pinned by ${describe(held)}`];
      const isPruned = history.some((o) => mayPrune(o, id) && o.beganAt <= listing.endedAt);
      return isPruned ? [] : [`${id} is gone ${where}, and nobody pruned it`];
    });
}

function wrongPin(
  history: History,
  { id, pinned: isPinned }: Point,
  { listing, held }: { readonly listing: Ended; readonly held: Ended | undefined },
): readonly string[] {
  const where = `in ${describe(listing)}`;
  if (held !== undefined && !isPinned) return [`${id} is not pinned ${where}: ${describe(held)}`];
  const mayBe = history.some((pin) => mayPin(pin, id) && !isUndone(history, { pin, id, listing }));
  return isPinned && !mayBe ? [`${id} is pinned ${where}, by nobody`] : [];
}

interface Pin {
  readonly pin: Ended;
  readonly id: string;
  readonly listing: Ended;
}

/** The pin was over before an unpinning that was over before the listing, or had not begun. */
function isUndone(history: History, { pin, id, listing }: Pin): boolean {
  if (pin.beganAt > listing.endedAt) return true;
  return history.some(
    (other) =>
      mayUnpin(other, id) && !other.killed && isBefore(pin, other) && isBefore(other, listing),
  );
}

/** Listed though it was pruned before, or though nobody can have made it. */
function unexpected(history: History, made: readonly Made[], listing: Ended): readonly string[] {
  const killed = history.filter(
    (one) =>
      one.killed && ['snapshot', 'rollback'].includes(one.verb) && one.beganAt <= listing.endedAt,
  );
  return (listing.said.snapshots ?? []).flatMap(({ id, agent }) => {
    const where = `in ${describe(listing)}`;
    if (history.some((one) => pruned(one, id) && isBefore(one, listing)))
      return [`${id} is there ${where} though it was pruned`];
    const byKilled = killed.some(({ agents }) => agents.length === 0 || agents.includes(agent));
    const isMade = made.some((point) => point.id === id) || byKilled;
    return isMade ? [] : [`${id} is there ${where}, and nobody made it`];
  });
}

function wronglyPruned(history: History, made: readonly Made[], point: Made): readonly string[] {
  const { id } = point;
  const prunes = history.filter((one) => pruned(one, id));
  return prunes.flatMap((prune) => {
    const pin = history.find(
      (one) =>
        pinned(one, id) &&
        !history.some(
          (other) => mayUnpin(other, id) && !isBefore(other, one) && !isBefore(prune, other),
        ),
    );
    return [
      ...(point.safety ? [`${describe(prune)}: it is a safety snapshot`] : []),
      ...(pin === undefined ? [] : [`${describe(prune)}: it was pinned by ${describe(pin)}`]),
      ...(mayBeOlder(history, made, { point, prune }) ? [] : [`${describe(prune)}: the newest`]),
    ];
  });
}

interface Pruning {
  readonly point: Made;
  readonly prune: Ended;
}

/** There may have been a newer one of its agent, made by then; or by a command that was killed. */
function mayBeOlder(history: History, made: readonly Made[], { point, prune }: Pruning): boolean {
  const killed = history.some(
    (one) => one.killed && one.verb === 'snapshot' && one.beganAt <= prune.endedAt,
  );
  return (
    killed ||
    isOlder(
      made.filter(({ by }) => by.beganAt <= prune.endedAt),
      point,
    )
  );
}

/** There is a newer one of its agent among these, safety snapshots apart. */
export function isOlder(among: readonly Point[], point: Point): boolean {
  const own = among.filter(({ agent, safety }) => agent === point.agent && !safety);
  return newestFirst([...own, point])[0]?.id !== point.id;
}
