import { escapeForTerminal } from '../model/names.ts';
import type { DueDocument } from '../usecases/run-due.ts';
import { command, type Register } from './options.ts';
import { counted, table, tellFailures } from './render.ts';
import { statusOf } from './status.ts';

export const runDueCommand: Register = (program, bind) => {
  command(program, 'run-due', {
    description: 'run once what the schedules say is due, then exit (for a systemd timer)',
    example: 'cowherd run-due',
  }).action(async () =>
    bind(async ({ output, context }) => {
      const { runDue } = await import('../usecases/run-due.ts');
      const { patient, portsOf } = await import('../usecases/schedule-ports.ts');
      const { recoverQuietly } = await import('../usecases/recover.ts');
      const world = patient(await context());
      await recoverQuietly(world);
      const document = await runDue(portsOf(world), world.config.schedules);
      if (output.json) output.document(document);
      else show(output.print, document, world.config.schedules.length);
      const done = document.runs.filter(({ outcome }) => outcome !== 'failed');
      return statusOf(document.failures, done.length);
    }),
  );
};

function show(
  print: (text: string) => void,
  { runs, failures }: DueDocument,
  schedules: number,
): void {
  if (schedules === 0) print('there are no schedules in the config');
  else if (runs.length === 0 && failures.length === 0) print('nothing is due');
  if (runs.length > 0) {
    const rows = runs.map(({ schedule, occurrence, outcome, snapshots, destroyed }) => [
      escapeForTerminal(schedule),
      occurrence,
      outcome,
      counted(snapshots.length, 'restore point'),
      String(destroyed),
    ]);
    print(table(['SCHEDULE', 'DUE', 'OUTCOME', 'MADE', 'DESTROYED'], rows));
  }
  tellFailures(failures);
}
