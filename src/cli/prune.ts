import { CowherdError } from '../model/errors.ts';
import type { PruneDocument } from '../usecases/prune-document.ts';
import type { Context } from '../usecases/context.ts';
import type { Invocation, Output } from './invocation.ts';
import { collect, command, type Register } from './options.ts';
import { pruneLines } from './prune-lines.ts';
import { bytes, counted, tellFailures } from './render.ts';
import { statusOf } from './status.ts';

interface Options {
  readonly id: readonly string[];
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export const pruneCommand: Register = (program, bind) => {
  command(program, 'prune [agents...]', {
    description: 'destroy what no rule of the retention keeps, or the named restore points',
    example:
      'cowherd prune --dry-run\ncowherd prune alpha\ncowherd prune --id alpha@20261122T110503Z',
  })
    .option('--id <id>', 'a restore point to destroy, whatever the rules (repeatable)', collect, [])
    .option('--dry-run', 'say what would be destroyed and what is kept, and why')
    .option(
      '--force',
      'by the rules: however many go at once, and whatever the clock says; with --id: also the newest, the last of a removed volume, and safety snapshots',
    )
    .option('-y, --yes', 'do not ask (by the rules nobody is asked, but for --force)')
    .action(async (patterns: string[], { id: ids, ...options }: Options) =>
      bind(async (invocation) => {
        if (ids.length === 0) return pruneByPolicy(invocation, patterns, options);
        if (patterns.length > 0) {
          throw new CowherdError('USAGE', 'prune takes agents or --id, not both', {
            hint: 'an id names its agent; leave the others out',
          });
        }
        return pruneByIds(invocation, ids, options);
      }),
    );
};

type Given = Omit<Options, 'id'>;

async function pruneByIds(
  invocation: Invocation,
  ids: readonly string[],
  { dryRun = false, force = false, yes = false }: Given,
): Promise<number> {
  const { pruneIds } = await import('../usecases/prune.ts');
  const context = await invocation.context();
  const plan = await pruneIds(context, { ids, dryRun: true, force, frees: dryRun });
  if (!dryRun && plan.destroy.length > 0)
    await invocation.confirm(`destroy ${plan.destroy.map(({ id }) => id).join(', ')}`, yes);
  const document = dryRun
    ? plan
    : await byHand(context, async () => pruneIds(context, { ids, dryRun, force }));
  show(invocation.output, document, { dryRun, context });
  return statusOf(document.failures, document.destroy.length);
}

async function pruneByPolicy(
  invocation: Invocation,
  patterns: readonly string[],
  { dryRun = false, force = false, yes = false }: Given,
): Promise<number> {
  const { prunePolicy } = await import('../usecases/prune-policy.ts');
  const context = await invocation.context();
  if (force && !dryRun && !yes) {
    const plan = await prunePolicy(context, { patterns, dryRun: true, force });
    const many = counted(plan.destroy.length, 'restore point');
    if (plan.destroy.length > 0) await invocation.confirm(`destroy ${many} at once`, yes);
  }
  const request = { patterns, dryRun, force };
  const document = dryRun
    ? await prunePolicy(context, { ...request, frees: true })
    : await byHand(context, async () => prunePolicy(context, request));
  show(invocation.output, document, { dryRun, context });
  return statusOf(document.failures, doneOf(document));
}

async function byHand(
  context: Context,
  work: () => Promise<PruneDocument>,
): Promise<PruneDocument> {
  const { BY_HAND, recorded } = await import('../usecases/recorded.ts');
  return recorded(context, {
    ...{ command: 'prune', cause: BY_HAND, work },
    resultOf: (document) => ({
      ...{ snapshots: [], destroyed: document.destroy.length, frozenMs: null, filesystems: [] },
      ...{ failures: document.failures, succeeded: doneOf(document) },
    }),
  });
}

/** Agents with no failure have been done, and so has what was destroyed. */
function doneOf({ keep, destroy, failures }: PruneDocument): number {
  const failed = new Set(failures.map(({ agent }) => agent));
  return destroy.length + keep.filter(({ agent }) => !failed.has(agent)).length;
}

function show(
  output: Output,
  document: PruneDocument,
  { dryRun, context }: { readonly dryRun: boolean; readonly context: Context },
): void {
  if (output.json) {
    output.document(document);
    return;
  }
  const { keep, destroy, failures, frees = [] } = document;
  const gone = dryRun ? 'destroy' : 'destroyed';
  if (keep.length + destroy.length > 0)
    output.print(pruneLines({ keep, destroy, gone, nowMs: context.now().getTime() }));
  const many = counted(destroy.length, 'restore point');
  output.print(
    `${many} ${dryRun ? 'would be destroyed' : 'destroyed'}, ${String(keep.length)} kept`,
  );
  for (const { filesystem, bytes: freed } of frees)
    output.print(
      freed === null
        ? `what that frees, filesystem ${filesystem} cannot say beforehand`
        : `that frees ${bytes(freed)} on filesystem ${filesystem}`,
    );
  tellFailures(failures);
}
