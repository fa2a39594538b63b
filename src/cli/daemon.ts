import { command, type Register } from './options.ts';

export const daemonCommand: Register = (program, bind) => {
  command(program, 'daemon', {
    description:
      'recover what was cut short, then keep the schedules of the config until it is told to end',
    example: 'cowherd daemon',
  }).action(async () =>
    bind(async ({ daemon }) => {
      await daemon();
      return 0;
    }),
  );
};
