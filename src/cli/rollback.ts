import { EXIT_STATUS, toCowherdError, toFailure } from '../model/errors.ts';
import type { RollbackReport, RollbackRequest } from '../usecases/rollback.ts';
import type { Invocation } from './invocation.ts';
import { command, durationMs, type Register } from './options.ts';
import { showPlan } from './plan.ts';
import { ms, tellFailures } from './render.ts';

interface Options {
  readonly snapshot: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly includeUsers?: boolean;
  readonly start: boolean;
  readonly revert: boolean;
  readonly healthTimeout?: number;
}

const OUTCOME_STATUS = { 'rolled-back': 0, failed: 1, refused: 5, reverted: 7 } as const;

export const rollbackCommand: Register = (program, bind) => {
  command(program, 'rollback <agent>', {
    description:
      'put an agent back to a restore point; its present state is kept as a safety snapshot',
    example: 'cowherd rollback alpha\ncowherd rollback alpha --snapshot 2026-11-22T11:05:00Z --yes',
  })
    .option(
      '--snapshot <which>',
      'an id, latest, or an RFC 3339 time: the newest not after it',
      'latest',
    )
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'print the plan and change nothing')
    .option(
      '--include-users',
      'also stop and restart containers of other agents that use the volumes',
    )
    .option('--no-start', 'leave its containers stopped')
    .option('--no-revert', 'stay on the restored data even when the agent does not come up healthy')
    .option(
      '--health-timeout <duration>',
      'how long to wait for its health (default: what its HEALTHCHECK may take, at least 60s)',
      durationMs,
    )
    .action(async (agent: string, options: Options) =>
      bind(async (invocation) => run(invocation, agent, options)),
    );
};

async function run(invocation: Invocation, agent: string, options: Options): Promise<number> {
  const { output, context } = invocation;
  const request: RollbackRequest = {
    agent,
    snapshot: options.snapshot,
    includeUsers: options.includeUsers ?? false,
    start: options.start,
    revert: options.revert,
    healthTimeoutMs: options.healthTimeout ?? null,
  };
  if (options.dryRun === true) {
    const { rollbackPlanDocument } = await import('../usecases/rollback-dry-run.ts');
    return showPlan(output, await rollbackPlanDocument(await context(), request));
  }
  const report = await refusalAsReport(agent, async () =>
    attempt(invocation, request, options.yes ?? false),
  );
  if (output.json) output.document(report);
  else show(output.print, report);
  return report.failures.some(({ code }) => code === 'INTERRUPTED')
    ? EXIT_STATUS.INTERRUPTED
    : OUTCOME_STATUS[report.outcome];
}

async function attempt(
  { context, confirm }: Invocation,
  request: RollbackRequest,
  yes: boolean,
): Promise<RollbackReport> {
  const { planRollback } = await import('../usecases/rollback-plan.ts');
  const { rollback } = await import('../usecases/rollback.ts');
  const world = await context();
  const { agent, point, users } = await planRollback(world, request);
  const stopped = users.stopped.filter(({ ran }) => ran).map(({ name }) => name);
  const stops = stopped.length === 0 ? '' : `, stopping ${stopped.join(', ')}`;
  await confirm(
    `roll ${agent.name} back to ${point.manifest.id} (${point.manifest.createdAt})${stops}`,
    yes,
  );
  const { BY_HAND, recorded } = await import('../usecases/recorded.ts');
  return recorded(world, {
    ...{ command: 'rollback', cause: BY_HAND },
    work: async () => rollback(world, { ...request, snapshot: point.manifest.id }),
    resultOf: ({ safety, outcome, failures }) => ({
      ...{ destroyed: 0, frozenMs: null, filesystems: [], failures },
      snapshots: safety === null ? [] : [safety],
      succeeded: outcome === 'rolled-back' ? 1 : 0,
    }),
  });
}

/** A refusal (exit 5) is an outcome with a document of its own; any other error before the first change is an error. */
async function refusalAsReport(
  agent: string,
  work: () => Promise<RollbackReport>,
): Promise<RollbackReport> {
  try {
    return await work();
  } catch (thrown) {
    const error = toCowherdError(thrown);
    if (EXIT_STATUS[error.code] !== OUTCOME_STATUS.refused) throw error;
    const nothing = { snapshot: null, safety: null, agentState: null, downMs: null, swapMs: null };
    return { agent, ...nothing, outcome: 'refused', failures: [toFailure(agent, error)] };
  }
}

const SAID = {
  'rolled-back': 'rolled back to',
  reverted: 'is back on its state before; it was put on',
  failed: 'could not be rolled back to',
  refused: 'was not rolled back',
} as const;

function show(print: (text: string) => void, report: RollbackReport): void {
  const { agent, snapshot, safety, outcome, agentState, downMs, swapMs, failures } = report;
  print(`${agent} ${SAID[outcome]} ${snapshot ?? ''}`.trimEnd());
  if (agentState !== null)
    print(
      `  it is ${agentState}${downMs === null ? '' : `, was down for ${ms(downMs)}`}${swapMs === null ? '' : `, the swap took ${ms(swapMs)}`}`,
    );
  if (safety !== null)
    print(
      `  the state before: ${safety} (undo with: cowherd rollback ${agent} --snapshot ${safety})`,
    );
  tellFailures(failures);
}
