import { command, type Bind, type Command, type Register } from './options.ts';
import { showResults } from './results.ts';

export const pinCommand: Register = (program, bind) => {
  register(program, bind, {
    verb: 'pin',
    description: 'never prune a restore point until it is unpinned',
    pinned: true,
  });
};

export const unpinCommand: Register = (program, bind) => {
  register(program, bind, {
    verb: 'unpin',
    description: 'let a restore point be pruned again',
    pinned: false,
  });
};

interface Verb {
  readonly verb: string;
  readonly description: string;
  readonly pinned: boolean;
}

function register(program: Command, bind: Bind, { verb, description, pinned }: Verb): void {
  command(program, `${verb} <id>`, {
    description,
    example: `cowherd ${verb} alpha@20261122T110503Z`,
  }).action(async (id: string) =>
    bind(async ({ output, context }) => {
      const { setPin } = await import('../usecases/pin.ts');
      return showResults(
        output,
        { results: [await setPin(await context(), id, pinned)], failures: [] },
        '',
      );
    }),
  );
}
