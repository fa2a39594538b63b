import { command, type Register } from './options.ts';
import { showResults } from './results.ts';

export const thawCommand: Register = (program, bind) => {
  command(program, 'thaw', {
    description: 'unfreeze now whatever cowherd has frozen; a capture under way becomes invalid',
    example: 'cowherd thaw',
  }).action(async () =>
    bind(async ({ output, contextAnyhow }) => {
      const { thaw } = await import('../usecases/thaw.ts');
      return showResults(output, await thaw(await contextAnyhow()), 'nothing is frozen by cowherd');
    }),
  );
};
