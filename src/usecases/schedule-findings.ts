import { formatDuration } from '../model/durations.ts';
import { matchesAny } from '../model/globs.ts';
import type { Run } from '../model/run.ts';
import { intervalAt } from '../model/schedule.ts';
import type { Context } from './context.ts';
import { finding, type Finding } from './finding.ts';
import type { AgentStatus } from './status.ts';

type Given = Pick<Context, 'config' | 'now'>;

/** Agents whose last restore point is older than twice the time between two runs of the schedule that takes them most often. */
export function overdueFindings(
  { config, now }: Given,
  agents: readonly Pick<AgentStatus, 'name' | 'ageMs'>[],
): readonly Finding[] {
  const captures = config.schedules
    .filter(({ run }) => run.includes('snapshot'))
    .map(({ cron, agents: chosen }) => {
      const cadence = { cron, timezone: config.timezone };
      return { chosen, intervalMs: intervalAt(cadence, now().getTime()) ?? Infinity };
    });
  return agents.flatMap(({ name, ageMs }) => {
    const mine = captures.filter(({ chosen }) => matchesAny(name, chosen));
    const intervalMs = Math.min(...mine.map((capture) => capture.intervalMs));
    if (ageMs === null || ageMs <= 2 * intervalMs) return [];
    const age = formatDuration(Math.round(ageMs / 1_000) * 1_000);
    const message = `the last restore point of ${name} is ${age} old; one is due every ${formatDuration(intervalMs)}`;
    const mend = 'see why its schedule does not run: is cowherd.service, or its timer, up?';
    return [finding('OVERDUE', 'error', { agent: name, message, mend })];
  });
}

/** Schedules of the config whose last run has failed, or failed for some. `runs` newest first. */
export function failingFindings({ config }: Given, runs: readonly Run[]): readonly Finding[] {
  return config.schedules.flatMap(({ name }) => {
    const last = runs.find(({ schedule, outcome }) => schedule === name && isVerdict(outcome));
    const [failure] = last?.failures ?? [];
    if (last === undefined || failure === undefined) return [];
    const whom = failure.agent === null ? '' : `${failure.agent}: `;
    const message = `the schedule ${name} last failed at ${last.startedAt} (${last.command}): ${whom}${failure.code}: ${failure.message}`;
    return [finding('SCHEDULE_FAILING', 'error', { message, mend: failure.hint })];
  });
}

/** What was skipped or cut short says nothing of whether it works. */
function isVerdict(outcome: Run['outcome']): boolean {
  return outcome === 'done' || outcome === 'partly' || outcome === 'failed';
}
