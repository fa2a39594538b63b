import { valueAt, type Path, type Problem } from './problems.ts';

/** What is wrong with the cron expressions of a config (checked or not). What reads them is loaded only where there are some. */
export async function cronProblems(config: unknown): Promise<readonly Problem[]> {
  const schedules = valueAt(config, ['schedules']);
  if (!Array.isArray(schedules) || schedules.length === 0) return [];
  const { cronFault } = await import('../model/schedule.ts');
  return schedules.flatMap((_, index): readonly Problem[] => {
    const path: Path = ['schedules', index, 'cron'];
    const cron = valueAt(config, path);
    const fault = typeof cron === 'string' && cron !== '' ? cronFault(cron) : null;
    return fault === null ? [] : [{ path, message: `not a cron expression: ${fault}` }];
  });
}
