import { parsePolicy } from '../../../src/model/policy-text.ts';
import { planPrune, type Prunable } from '../../../src/model/prune-plan.ts';
import { zoneOf } from '../../../src/model/zone.ts';
import { figure, type Report } from './report.ts';
import { median } from './statistics.ts';

const COUNT = 100_000;
/** Has no factor in common with it. */
const STRIDE = 61_803;
const ZONES = ['UTC', 'Europe/Berlin', 'America/St_Johns'];
const GOAL_MS = 150;
/** Of what sorting the same restore points by time takes, shuffled. */
const MOST = 6;
const MINUTE_MS = 60_000;
const POLICY = 'last=8,hourly=24,daily=14,weekly=8,monthly=12,withinDaily=1y';

/** How long a plan of 100,000 restore points takes, newest first as stores list them and shuffled, next to sorting them. */
export function benchRetention(report: Report, { rounds }: { readonly rounds: number }): void {
  report.line(`\nretention: ${String(COUNT)} restore points, ${String(rounds)} times each`);
  const listed = restorePoints();
  const shuffled = listed.map((_, index) => listed[(index * STRIDE) % COUNT] as Prunable);
  const turns = Array.from({ length: rounds }, () => ({
    sortMs: timed(() => [...shuffled].sort((a, b) => b.atMs - a.atMs)),
    plans: ZONES.map((zone) => ({
      listedMs: timed(() => plan(listed, zone)),
      shuffledMs: timed(() => plan(shuffled, zone)),
    })),
  }));
  const rows = ZONES.map((zone, at) => {
    const of = (part: 'listedMs' | 'shuffledMs') =>
      turns.map(({ plans }) => plans[at]?.[part] ?? 0);
    const ratios = turns.map(({ sortMs, plans }) => (plans[at]?.shuffledMs ?? 0) / sortMs);
    return { zone, ms: median(of('listedMs')), shuffledMs: median(of('shuffledMs')), ratios };
  });
  const sortMs = median(turns.map((turn) => turn.sortMs));
  report.table(
    ['medians', 'ms', 'ms, shuffled'],
    [
      ...rows.map(({ zone, ms, shuffledMs }) => [`plan, ${zone}`, figure(ms), figure(shuffledMs)]),
      ['sorting by time', '', figure(sortMs)],
    ],
  );
  for (const { zone, ms, ratios } of rows) {
    report.goal(`plan, ${zone}`, ms, GOAL_MS);
    report.ratio(`a plan to sorting, ${zone}`, median(ratios), MOST);
  }
}

function plan(points: readonly Prunable[], zone: string): void {
  const retention = { rules: parsePolicy(POLICY), minimum: 3, maxDestroyRatio: 0.5 };
  const options = { nowMs: Date.UTC(2026, 10, 22, 12), zone: zoneOf(zone), force: false };
  const { keep, destroy } = planPrune(points, { ...retention, safetyForMs: 0 }, options);
  if (keep.length + destroy.length !== points.length) throw new Error('a plan lacks some');
}

/** A quarter of an hour apart: almost three years. */
function restorePoints(): readonly Prunable[] {
  const newest = Date.UTC(2026, 10, 22, 12);
  return Array.from({ length: COUNT }, (_, index) => ({
    ...{ id: `alpha@${String(index)}`, atMs: newest - index * 15 * MINUTE_MS, tags: [] },
    ...{ pinned: false, safety: index % 100 === 99, former: false },
  }));
}

function timed(work: () => unknown): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}
