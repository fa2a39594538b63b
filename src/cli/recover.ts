import { command, type Register } from './options.ts';
import { showResults } from './results.ts';

export const recoverCommand: Register = (program, bind) => {
  command(program, 'recover', {
    description: 'finish or revert what a crash cut short, and remove its leftovers',
    example: 'cowherd recover',
  }).action(async () =>
    bind(async ({ output, context }) => {
      const { recover } = await import('../usecases/recover.ts');
      return showResults(output, await recover(await context()), 'there is nothing to recover');
    }),
  );
};
