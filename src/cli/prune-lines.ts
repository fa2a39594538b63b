import type { SimulationDocument } from '../usecases/simulate.ts';
import { age, table } from './render.ts';

/** What a person reads for a reason; others speak for themselves. */
const WORDS: Readonly<Record<string, string>> = {
  last: 'one of the last',
  hourly: 'last of its hour',
  daily: 'last of its day',
  weekly: 'last of its week',
  monthly: 'last of its month',
  yearly: 'last of its year',
  'oldest-hourly': 'the oldest, while there are fewer hours',
  'oldest-daily': 'the oldest, while there are fewer days',
  'oldest-weekly': 'the oldest, while there are fewer weeks',
  'oldest-monthly': 'the oldest, while there are fewer months',
  'oldest-yearly': 'the oldest, while there are fewer years',
  within: 'young enough',
  withinHourly: 'last of its hour and young enough',
  withinDaily: 'last of its day and young enough',
  withinWeekly: 'last of its week and young enough',
  withinMonthly: 'last of its month and young enough',
  withinYearly: 'last of its year and young enough',
  tags: 'its tags',
  newest: 'the newest',
  minimum: 'one of the few that always stay',
  safety: 'the way back from a rollback',
  'former-incarnation': 'the last of a volume that was removed (until unpinned)',
  future: 'from the future',
  deferred: 'too many at once: a later run takes it, or --force',
};

export interface PruneLines extends Pick<SimulationDocument, 'keep' | 'destroy'> {
  /** The word for what goes, or is gone. */
  readonly gone: 'destroy' | 'destroyed';
  readonly nowMs: number;
}

/** A line for each restore point, kept ones first: how old it is, why it stays or goes, and until when it stays in any case. */
export function pruneLines({ keep, destroy, gone, nowMs }: PruneLines): string {
  const ageOf = (time: string): string => age(nowMs - Date.parse(time));
  const rows = [
    ...keep.map(({ id, time, reasons, until = '' }) => [
      ...['keep', id, ageOf(time), until.replace(/\.\d+Z$/, 'Z')],
      reasons.map((reason) => WORDS[reason] ?? reason).join('; '),
    ]),
    ...destroy.map(({ id, time }) => [gone, id, ageOf(time), '', 'no rule keeps it']),
  ];
  return table(['', 'SNAPSHOT', 'AGE', 'AT LEAST UNTIL', 'WHY'], rows);
}
