import { CowherdError } from '../model/errors.ts';
import { collect, command, type Register } from './options.ts';
import { counted, tellFailures } from './render.ts';
import { statusOf } from './status.ts';

interface Options {
  readonly id: readonly string[];
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export const pruneCommand: Register = (program, bind) => {
  command(program, 'prune', {
    description: 'destroy the named restore points',
    example: 'cowherd prune --id alpha@20261122T110503Z',
  })
    .option('--id <id>', 'a restore point to destroy (repeatable)', collect, [])
    .option('--dry-run', 'say what would be destroyed and what is kept, and why')
    .option('--force', 'also the newest, and safety snapshots that are still kept')
    .option('-y, --yes', 'do not ask')
    .action(async (options: Options) =>
      bind(async ({ output, context, confirm }) => {
        const { id: ids, dryRun = false, force = false } = options;
        if (ids.length === 0) {
          throw new CowherdError('USAGE', 'prune needs at least one --id in this version', {
            hint: 'cowherd snapshots lists the ids',
          });
        }
        const { pruneIds } = await import('../usecases/prune.ts');
        const plan = await pruneIds(await context(), { ids, dryRun: true, force });
        if (!dryRun && plan.destroy.length > 0)
          await confirm(
            `destroy ${plan.destroy.map(({ id }) => id).join(', ')}`,
            options.yes ?? false,
          );
        const document = dryRun ? plan : await pruneIds(await context(), { ids, dryRun, force });
        if (output.json) output.document(document);
        else {
          for (const { id, reasons } of document.keep)
            output.print(`keep     ${id}  ${reasons.join(', ')}`);
          for (const { id } of document.destroy)
            output.print(`${dryRun ? 'destroy ' : 'destroyed'} ${id}`);
          if (dryRun)
            output.print(`${counted(document.destroy.length, 'restore point')} would be destroyed`);
          tellFailures(document.failures);
        }
        return statusOf(document.failures, document.destroy.length);
      }),
    );
};
