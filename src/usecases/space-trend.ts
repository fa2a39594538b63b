import type { Run, RunSpace } from '../model/run.ts';
import { formatSpace, type Space } from '../model/sizes.ts';
import { slopeOf, thinned, type Measured } from '../model/trend.ts';
import { finding, type Finding } from './finding.ts';
import { isBelow } from './store-findings.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What is looked back on, and ahead. */
const WINDOW_DAYS = 7;
const HORIZON_DAYS = 14;
/** Fewer hours with a record, or a shorter time, say nothing. */
const FEWEST_HOURS = 8;
const SHORTEST_MS = DAY_MS;

export interface TrendGiven {
  /** As they are now. */
  readonly filesystems: readonly RunSpace[];
  readonly runs: readonly Run[];
  readonly limit: Space;
  readonly now: Date;
}

/** Filesystems that fall below `limits.minFree` within two weeks, if they go on as history says they did in the last one; those that are below have a finding of their own. */
export function trendFindings({ filesystems, runs, limit, now }: TrendGiven): readonly Finding[] {
  return filesystems.flatMap((space) => {
    if (isBelow(space, limit)) return [];
    const points = thinned(measured(runs, space.id, now.getTime()), HOUR_MS);
    const spanMs = (points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0);
    const slope = slopeOf(points);
    if (points.length < FEWEST_HOURS || spanMs < SHORTEST_MS || slope === null || slope >= 0)
      return [];
    const days = (space.freeBytes - bytesOf(limit, space)) / -slope / DAY_MS;
    if (days > HORIZON_DAYS) return [];
    const when = days < 1.5 ? 'within a day or so' : `in about ${Math.round(days)} days`;
    const message = `filesystem ${space.id}: if it goes on as in the last ${Math.max(1, Math.round(spanMs / DAY_MS))} days, less than limits.minFree (${formatSpace(limit)}) is free ${when}; then nothing is captured by schedule`;
    const mend = 'find out what grows; cowherd prune --dry-run shows what retention keeps and why';
    return [finding('SPACE_SHRINKING', 'warn', { message, mend })];
  });
}

/** What was free when runs ended; a clock that was ahead has dated nothing that counts. */
function measured(runs: readonly Run[], id: string, nowMs: number): readonly Measured[] {
  return runs.flatMap(({ endedAt, filesystems }) => {
    const space = filesystems.find((one) => one.id === id);
    const atMs = Date.parse(endedAt ?? '');
    const isRecent = atMs <= nowMs && atMs > nowMs - WINDOW_DAYS * DAY_MS;
    return space !== undefined && isRecent ? [{ atMs, value: space.freeBytes }] : [];
  });
}

function bytesOf(limit: Space, { sizeBytes }: RunSpace): number {
  return limit.kind === 'bytes' ? limit.bytes : (sizeBytes * limit.percent) / 100;
}
