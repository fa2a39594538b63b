import { text } from 'node:stream/consumers';
import { command, type Register } from './options.ts';
import { pruneLines } from './prune-lines.ts';
import { counted } from './render.ts';

interface Options {
  readonly policy: string;
  readonly now?: string;
  readonly tz?: string;
}

export const retentionCommand: Register = (program, bind) => {
  command(program, 'retention', {
    description: 'say what a policy alone keeps of times read from stdin, one a line',
    example: "cowherd retention --policy 'last=8,hourly=24,daily=14,within=2h' < times",
  })
    .requiredOption('--policy <rules>', 'as last=8,daily=14,within=2h (-1 keeps all)')
    .option('--now <time>', 'judge as of this time (default: now)')
    .option('--tz <zone>', "time zone of the calendar (default: the config's)")
    .action(async (options: Options) =>
      bind(async ({ output, config, now }) => {
        const { parsePolicy } = await import('../model/policy-text.ts');
        const { simulate, timeOf } = await import('../usecases/simulate.ts');
        const policy = parsePolicy(options.policy);
        const nowMs = options.now === undefined ? now().getTime() : timeOf(options.now, '--now');
        const timezone = options.tz ?? (await config()).timezone;
        const simulation = { policy, nowMs, timezone, text: await text(process.stdin) };
        const document = simulate(simulation);
        if (output.json) output.document(document);
        else {
          const { keep, destroy } = document;
          const total = keep.length + destroy.length;
          if (total > 0) output.print(pruneLines({ keep, destroy, gone: 'destroy', nowMs }));
          output.print(`of ${counted(total, 'snapshot')} ${String(keep.length)} would stay`);
        }
        return 0;
      }),
    );
};
