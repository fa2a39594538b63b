import type { Context } from './context.ts';
import type { RollbackRequest } from './rollback.ts';
import { planRollback, type RollbackPlan } from './rollback-plan.ts';
import type { PlanDocument } from './snapshot-dry-run.ts';

interface Step {
  readonly step: string;
  readonly text: string;
}

/** What a rollback would do, one step a line. Throws as `planRollback` does. */
export async function rollbackPlanDocument(
  context: Context,
  request: RollbackRequest,
): Promise<PlanDocument> {
  const planned = await planRollback(context, request);
  const steps = [...dataSteps(planned), ...startSteps(planned, request), ...untouched(planned)];
  const agent = planned.agent.name;
  return { plan: steps.map((step) => ({ ...step, agent })), failures: [] };
}

function dataSteps({ point, swaps, users, missing }: RollbackPlan): readonly Step[] {
  const { id, createdAt, grade, volumes } = point.manifest;
  const stopped = users.stopped.filter(({ ran }) => ran).map(({ name }) => name);
  const how = (name: string): string => {
    const swap = swaps.find(({ placement }) => placement.volume === name);
    const cloned = swap?.placement.tier === 'zfs' ? 'a clone' : 'a writable snapshot';
    return swap?.kind === 'directory' ? 'a copy' : cloned;
  };
  return [
    ...missing.map(({ name }) => ({
      step: 'create',
      text: `create volume ${name}, which is gone`,
    })),
    ...volumes.map(({ name }) => ({
      step: 'prepare',
      text: `prepare ${name} from ${id} of ${createdAt} (${grade}) as ${how(name)}`,
    })),
    ...(stopped.length > 0 ? [{ step: 'stop', text: `stop ${stopped.join(', ')}` }] : []),
    { step: 'safety', text: 'capture the stopped state as a safety snapshot' },
    { step: 'swap', text: `put it in place of ${volumes.map(({ name }) => name).join(', ')}` },
  ];
}

function startSteps({ users }: RollbackPlan, { start }: RollbackRequest): readonly Step[] {
  const ran = users.stopped.filter((container) => container.ran).map(({ name }) => name);
  if (!start || ran.length === 0) return [];
  const joined = users.dependents.join(', ');
  const begin = `start ${ran.join(', ')}, check what they mount, wait for their health`;
  const restart = {
    step: 'restart',
    text: `restart ${joined}, which joined a namespace of theirs`,
  };
  return [{ step: 'start', text: begin }, ...(joined === '' ? [] : [restart])];
}

function untouched({ agent, point }: RollbackPlan): readonly Step[] {
  const captured = new Set(point.manifest.volumes.map(({ name }) => name));
  const others = agent.volumes.filter(({ name }) => !captured.has(name));
  return others.map(({ name }) => ({
    step: 'keep',
    text: `leave ${name} as it is: it is not in ${point.manifest.id}`,
  }));
}
