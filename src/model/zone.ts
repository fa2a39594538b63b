/** A time zone: what its clocks show. Wall times are milliseconds as if it were UTC. */
export interface Zone {
  /** What a clock on the wall shows at an instant. */
  readonly wallOf: (atMs: number) => number;
  /**
   * The instant at which it shows that. Of a time that comes twice the first or the second, for one that is skipped a time
   * an hour beside it: as Go's `time.Date` chooses, whose calendar `restic forget` counts by.
   */
  readonly instantOf: (wallMs: number) => number;
  readonly pieceAt: (atMs: number) => Piece;
}

/** A time in which clocks do not change; how far they are ahead of UTC in it, and were when they were last changed, if that was within days before. */
export interface Piece {
  readonly fromMs: number;
  /** Its end: the first instant that is not in it. */
  readonly untilMs: number;
  readonly offsetMs: number;
  readonly beforeMs: number;
}

/** Offsets are looked up at the borders of such spans. No zone has changed its clocks twice within a week since 1970 (tz database). */
const SPAN_MS = 4 * 86_400_000;
const SECOND_MS = 1000;
/** Beyond it there are no dates (ECMA-262, "Time Values"). */
const LAST_SPAN = Math.floor(8.64e15 / SPAN_MS) - 1;

/** One span: its offset, and the change in it where there is one. */
interface Span {
  readonly offsetMs: number;
  readonly changeMs: number;
  readonly laterMs: number;
}

/** The zone of an IANA name. Offsets are asked of Intl once a span, not once a time. Throws RangeError for a name of none. */
export function zoneOf(name: string): Zone {
  const zone = zones.get(name) ?? newZone(name);
  zones.set(name, zone);
  return zone;
}
const zones = new Map<string, Zone>();

function newZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  const spans = new Map<number, Span>();
  const ask = (atMs: number): number => parseOffset(format.format(atMs));
  let [last, lastAt] = [span(ask, 0), 0];
  const spanAt = (at: number): Span => {
    if (at !== lastAt) {
      last = spans.get(at) ?? span(ask, at);
      spans.set(at, last);
      lastAt = at;
    }
    return last;
  };
  const offsetAt = (atMs: number): number => {
    const { changeMs, offsetMs, laterMs } = spanAt(Math.floor(atMs / SPAN_MS));
    return atMs < changeMs ? offsetMs : laterMs;
  };
  return {
    wallOf: (atMs) => atMs + offsetAt(atMs),
    instantOf: (wallMs) => {
      const first = offsetAt(wallMs);
      const second = offsetAt(wallMs - first);
      return wallMs - second;
    },
    pieceAt: (atMs) => pieceAt(spanAt, atMs),
  };
}

function pieceAt(spanAt: (at: number) => Span, atMs: number): Piece {
  const at = Math.floor(atMs / SPAN_MS);
  const { changeMs, offsetMs, laterMs } = spanAt(at);
  const untilMs = (at + 1) * SPAN_MS;
  if (atMs >= changeMs) return { fromMs: changeMs, untilMs, offsetMs: laterMs, beforeMs: offsetMs };
  const before = spanAt(at - 1);
  const isChanged = Number.isFinite(before.changeMs);
  return {
    fromMs: isChanged ? before.changeMs : at * SPAN_MS,
    untilMs: Math.min(untilMs, changeMs),
    offsetMs,
    beforeMs: isChanged ? before.offsetMs : offsetMs,
  };
}

function span(ask: (atMs: number) => number, at: number): Span {
  if (Math.abs(at) > LAST_SPAN) return { offsetMs: 0, changeMs: Infinity, laterMs: 0 };
  let [from, to] = [at * SPAN_MS, (at + 1) * SPAN_MS];
  const [offsetMs, laterMs] = [ask(from), ask(to)];
  if (offsetMs === laterMs) return { offsetMs, changeMs: Infinity, laterMs };
  while (to - from > SECOND_MS) {
    const middle = from + Math.floor((to - from) / 2 / SECOND_MS) * SECOND_MS;
    if (ask(middle) === offsetMs) from = middle;
    else to = middle;
  }
  return { offsetMs, changeMs: to, laterMs };
}

/** The end of `6/1/2026, GMT+05:30`; `GMT` alone is none, and old local times have seconds. */
function parseOffset(text: string): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
  if (match === null) throw new Error(`no offset in ${text}`);
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = match;
  const size = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return (sign === '-' ? -size : size) * SECOND_MS;
}
