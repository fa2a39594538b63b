import type { SnapshotReport } from '../model/snapshot.ts';
import type { RunResult } from '../model/run.ts';
import { escapeForTerminal } from '../model/names.ts';
import { showPlan } from './plan.ts';
import { command, tag, type Register } from './options.ts';
import { counted, ms, table, tellFailures } from './render.ts';
import { statusOf } from './status.ts';

interface Options {
  readonly tag: Readonly<Record<string, string>>;
  readonly pin?: boolean;
  readonly dryRun?: boolean;
}

export const snapshotCommand: Register = (program, bind) => {
  command(program, 'snapshot [agents...]', {
    description: 'quiesce, capture, thaw and record agents (default: all)',
    example: 'cowherd snapshot alpha --tag reason=upgrade --pin',
  })
    .option('--tag <key=value>', 'keep a note with the restore point (repeatable)', tag, {})
    .option('--pin', 'never prune it until it is unpinned')
    .option('--dry-run', 'print the plan and change nothing')
    .action(async (agents: string[], options: Options) =>
      bind(async ({ output, context }) => {
        const request = { agents, tags: options.tag, pin: options.pin ?? false };
        if (options.dryRun === true) {
          const { planSnapshot } = await import('../usecases/snapshot-dry-run.ts');
          return showPlan(output, await planSnapshot(await context(), request));
        }
        const { snapshot } = await import('../usecases/snapshot.ts');
        const { BY_HAND, recorded } = await import('../usecases/recorded.ts');
        const world = await context();
        const report = await recorded(world, {
          ...{ command: 'snapshot', cause: BY_HAND },
          work: async () => snapshot(world, request),
          resultOf,
        });
        if (output.json) output.document(report);
        else show(output.print, report);
        return statusOf(report.failures, report.snapshots.length);
      }),
    );
};

function resultOf({ snapshots, failures }: SnapshotReport): RunResult {
  return {
    ...{ destroyed: 0, filesystems: [], failures, succeeded: snapshots.length },
    snapshots: snapshots.map(({ id }) => id),
    frozenMs: snapshots.reduce((most, { frozenMs }) => Math.max(most, frozenMs), 0),
  };
}

function show(
  print: (text: string) => void,
  { snapshots, skipped, failures }: SnapshotReport,
): void {
  if (snapshots.length > 0) {
    const rows = snapshots.map(({ id, grade, atRest, frozenMs, volumes }) => [
      id,
      grade,
      atRest ? 'at rest' : ms(frozenMs),
      counted(volumes.length, 'volume'),
    ]);
    print(table(['SNAPSHOT', 'GRADE', 'FROZEN', 'CAPTURED'], rows));
  } else if (failures.length === 0 && skipped.length === 0) print('there is no agent to snapshot');
  for (const { agent, message } of skipped)
    print(escapeForTerminal(`skipped: ${agent}: ${message}`));
  tellFailures(failures);
}
