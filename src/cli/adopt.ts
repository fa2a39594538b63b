import { escapeForTerminal } from '../model/names.ts';
import type { ConversionPlan, ConversionRequest } from '../usecases/adopt.ts';
import type { Invocation } from './invocation.ts';
import { command, type Bind, type Command, type Register } from './options.ts';
import { showPlan } from './plan.ts';
import { showResults } from './results.ts';
import type { PlanDocument } from '../usecases/snapshot-dry-run.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly includeUsers?: boolean;
  readonly despiteSnapshots?: boolean;
}

export const adoptCommand: Register = (program, bind) => {
  register(program, bind, {
    kind: 'adopt',
    description:
      'make each volume isolated: a btrfs subvolume or ZFS dataset of its own (stops and restarts its containers)',
  }).option(
    '--despite-snapshots',
    'go on although another tool takes snapshots of the filesystem around a volume',
  );
};

export const unadoptCommand: Register = (program, bind) => {
  register(program, bind, {
    kind: 'unadopt',
    description:
      'make isolated volumes plain directories again (stops and restarts their containers)',
  });
};

interface Verb {
  readonly kind: ConversionRequest['kind'];
  readonly description: string;
}

function register(program: Command, bind: Bind, { kind, description }: Verb): Command {
  const example = `cowherd ${kind} alpha --dry-run\ncowherd ${kind} alpha --yes`;
  return command(program, `${kind} <agents...>`, { description, example })
    .option('--dry-run', 'print the plan with the space it needs, and change nothing')
    .option('-y, --yes', 'do not ask')
    .option('--include-users', 'also stop and restart containers of others that use the volumes')
    .action(async (agents: string[], options: Options) => {
      const { includeUsers = false, despiteSnapshots = false } = options;
      const request = { kind, agents, includeUsers, despiteSnapshots };
      await bind(async (invocation) => run(invocation, request, options));
    });
}

async function run(
  { output, context, confirm }: Invocation,
  request: ConversionRequest,
  options: Options,
): Promise<number> {
  const { convert, planConversions } = await import('../usecases/adopt.ts');
  const { planDocument } = await import('../usecases/adopt-dry-run.ts');
  const { kind } = request;
  const world = await context();
  const { plans, failures } = await planConversions(world, request);
  if (options.dryRun === true)
    return showPlan(output, await planDocument(world, { kind, plans, failures }));
  const work = plans.filter(({ swaps }) => swaps.length > 0);
  if (work.length > 0) {
    const document = await planDocument(world, { kind, plans: work, failures: [] });
    sayFirst(output.print, kind, document);
    if (kind === 'adopt' && work.some(isOnZfs)) sayOfZfs(output.print);
    await confirm(question(kind, work), options.yes ?? false);
  }
  const { BY_HAND, recorded } = await import('../usecases/recorded.ts');
  const report = await recorded(world, {
    ...{ command: kind, cause: BY_HAND },
    work: async () => convert(world, request),
    resultOf: ({ results, failures }) => ({
      ...{ snapshots: [], destroyed: 0, frozenMs: null, filesystems: [], failures },
      succeeded: results.length,
    }),
  });
  return showResults(output, report, `there is nothing to ${kind}`);
}

/** What adopting means for everything else that backs these volumes up is said before it is asked for. */
function sayFirst(
  print: (text: string) => void,
  kind: ConversionRequest['kind'],
  { plan }: PlanDocument,
): void {
  for (const { agent, text } of plan) print(escapeForTerminal(`${agent}: ${text}`));
  if (kind === 'unadopt') return;
  print(
    'note: other backups of this filesystem will see an empty _data for an adopted volume: tar --one-file-system does not',
  );
  print(
    '      enter it, snapshots of the filesystem around it do not hold it, and rolling one back brings the agent up empty.',
  );
}

function isOnZfs({ swaps }: ConversionPlan): boolean {
  return swaps.some(({ placement }) => placement.tier === 'zfs');
}

/** The local volume driver of Docker removes what is in a volume before it finds that `_data` is a mount point. */
function sayOfZfs(print: (text: string) => void): void {
  print(
    'note: docker volume rm empties an adopted volume on ZFS and then says that it is busy: cowherd unadopt comes first;',
  );
  print(
    '      after an accident cowherd doctor says EMPTIED, and cowherd rollback brings the data back.',
  );
}

function question(kind: string, plans: readonly ConversionPlan[]): string {
  const stopped = plans.flatMap(({ users }) =>
    users.stopped.filter(({ ran }) => ran).map(({ name }) => name),
  );
  const stops = stopped.length === 0 ? '' : `, stopping and restarting ${stopped.join(', ')}`;
  return `${kind} ${plans.map(({ agent }) => agent.name).join(', ')}${stops}`;
}
