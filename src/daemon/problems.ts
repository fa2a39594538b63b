import type { Observation, Problem } from '../model/episodes.ts';
import type { Failure } from '../model/errors.ts';
import { parseSnapshotId } from '../model/snapshot-id.ts';
import type { Finding, FindingCode } from '../usecases/finding.ts';
import type { ScheduleRun } from '../usecases/run-due.ts';

/** What a pass of the daemon has given. */
export interface Pass {
  readonly runs: readonly ScheduleRun[];
  /** Those of `status`; null when nobody has asked. */
  readonly findings: readonly Finding[] | null;
  /** The names of all schedules of the config. */
  readonly schedules: readonly string[];
}

/** Findings that are told, and as what. */
const TOLD: Readonly<Record<string, Problem['kind']>> = {
  OVERDUE: 'overdue',
  LOW_SPACE: 'failure',
};

/** With one of these among the findings others may be missing. */
const BLIND: ReadonlySet<FindingCode> = new Set([
  'DOCKER_UNREACHABLE',
  'HOST_UNREADABLE',
  'STORE_UNREADABLE',
]);

/** Neither says whether it would have been done. */
const UNDECIDED = new Set(['INTERRUPTED', 'LOCKED']);

const FAILING = 'schedule-failing';
const MOST_CHARACTERS = 500;

/** The lasting problems that a pass shows, with keys, and which others it shows to be over. Of a schedule's runs the last counts. */
export function problemsOf({ runs, findings, schedules }: Pass): Observation {
  const decided = runs.filter(({ outcome }) => ['done', 'partly', 'failed'].includes(outcome));
  const last = new Map(decided.map((run) => [escaped(run.schedule), run]));
  const known = new Set(schedules.map(escaped));
  const isBlind = findings?.some(({ code }) => BLIND.has(code)) ?? true;
  return {
    problems: [...[...last.values()].flatMap(runProblems), ...findingProblems(findings ?? [])],
    isOver: (key) => {
      const [topic, schedule = '', agent = null] = key.split(':');
      if (topic !== FAILING) return !isBlind;
      const run = last.get(schedule);
      return !known.has(schedule) || (run !== undefined && isDone(run, agent));
    },
  };
}

function runProblems({ schedule, failures }: ScheduleRun): readonly Problem[] {
  return failures
    .filter(({ code }) => !UNDECIDED.has(code))
    .map(({ agent, code, message, hint }) => ({
      key: keyOf(FAILING, schedule, agent),
      kind: 'failure',
      ...{ agent, code, message: cut(message), hint: cut(hint) },
    }));
}

/** A failure of nobody in particular may have kept others from being tried at all. */
function isDone({ failures, snapshots }: ScheduleRun, agent: string | null): boolean {
  const concerns = (failure: Failure, whom: string | null): boolean =>
    (failure.agent === null ? null : escaped(failure.agent)) === whom;
  if (failures.some((failure) => concerns(failure, agent))) return false;
  const isCaptured = snapshots.some((id) => parseSnapshotId(id)?.agent === agent);
  return isCaptured || !failures.some((failure) => concerns(failure, null));
}

/** Findings of one key are one problem. */
function findingProblems(findings: readonly Finding[]): readonly Problem[] {
  return findings.flatMap(({ code, severity, agent, volume, filesystem = null, message, mend }) => {
    const kind = TOLD[code];
    if (kind === undefined || severity === 'info') return [];
    const key = keyOf(code.toLowerCase().replaceAll('_', '-'), agent, volume, filesystem);
    return [{ key, kind, agent, code, message: cut(message), hint: cut(mend ?? '') }];
  });
}

function keyOf(topic: string, ...parts: readonly (string | null)[]): string {
  return [topic, ...parts.filter((part) => part !== null).map(escaped)].join(':');
}

function escaped(part: string): string {
  return part.replaceAll(':', '%3A');
}

function cut(text: string): string {
  return text.slice(0, MOST_CHARACTERS);
}
