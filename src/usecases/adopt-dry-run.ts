import type { Failure } from '../model/errors.ts';
import type { ConversionPlan, ConversionRequest } from './adopt.ts';
import type { Context } from './context.ts';
import type { PlanDocument, PlanStep } from './snapshot-dry-run.ts';

interface Planned {
  readonly kind: ConversionRequest['kind'];
  readonly plans: readonly ConversionPlan[];
  readonly failures: readonly Failure[];
}

/** What adopting or unadopting would do, one step a line, with the space it would take. */
export async function planDocument(
  context: Context,
  { kind, plans, failures }: Planned,
): Promise<PlanDocument> {
  const steps = await Promise.all(plans.map(async (plan) => stepsOf(context, kind, plan)));
  return { plan: steps.flat(), failures };
}

async function stepsOf(
  context: Context,
  kind: ConversionRequest['kind'],
  plan: ConversionPlan,
): Promise<readonly PlanStep[]> {
  const { agent, swaps, users } = plan;
  const step = (name: string, text: string): PlanStep => ({ step: name, agent: agent.name, text });
  if (swaps.length === 0) return [];
  const running = users.stopped.filter(({ ran }) => ran).map(({ name }) => name);
  const copies = await Promise.all(
    swaps.map(async ({ placement }) => {
      const store = await context.openStore(placement.fsId);
      const { freeBytes } = await store.space();
      const { allocatedBytes, entries } = await store.measure(placement);
      const written = store.capabilities.sharedCopies
        ? ', shared, so only metadata is written'
        : '';
      const space = `${mebibytes(allocatedBytes)} in ${String(entries)} entries${written}; ${mebibytes(freeBytes)} free`;
      const inherited = kind === 'adopt' ? await store.inherited(placement) : [];
      const own = placement.tier === 'btrfs' ? 'a subvolume of its own' : 'a dataset of its own';
      const inherits = inherited.length > 0 ? `${own} that inherits ${inherited.join(', ')}` : own;
      const becomes = kind === 'adopt' ? inherits : 'a plain directory';
      return step('copy', `copy ${placement.volume} into ${becomes} (${space}) and compare`);
    }),
  );
  return [
    ...(running.length > 0 ? [step('stop', `stop ${running.join(', ')}`)] : []),
    ...copies,
    ...swaps.map(({ placement }) => step('swap', `put it in place of ${placement.mountpoint}`)),
    ...(running.length > 0
      ? [step('start', `start ${running.join(', ')} and check that the new data is mounted`)]
      : []),
    step('remove', 'remove the old data'),
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
