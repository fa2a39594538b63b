import type { Context } from './context.ts';
import { planRollback, type RollbackRequest } from './rollback.ts';
import type { PlanDocument, PlanStep } from './snapshot-dry-run.ts';

/** What a rollback would do, one step a line. Throws as `planRollback` does. */
export async function rollbackPlanDocument(
  context: Context,
  request: RollbackRequest,
): Promise<PlanDocument> {
  const { agent, point, swaps, users } = await planRollback(context, request);
  const step = (name: string, text: string): PlanStep => ({ step: name, agent: agent.name, text });
  const running = users.stopped.filter(({ ran }) => ran).map(({ name }) => name);
  const { id, createdAt, grade } = point.manifest;
  const captured = new Set(point.manifest.volumes.map(({ name }) => name));
  const untouched = agent.volumes.filter(({ name }) => !captured.has(name)).map(({ name }) => name);
  const plan = [
    ...swaps.map(({ placement, kind }) =>
      step(
        'prepare',
        `prepare ${placement.volume} from ${id} of ${createdAt} (${grade}) as ${kind === 'dataset' ? 'a writable snapshot' : 'a copy that shares its data'}`,
      ),
    ),
    ...(running.length > 0 ? [step('stop', `stop ${running.join(', ')}`)] : []),
    step('safety', 'capture the stopped state as a safety snapshot'),
    step(
      'swap',
      `put the new data in place of ${swaps.map(({ placement }) => placement.volume).join(', ')}`,
    ),
    ...(running.length > 0 && request.start
      ? [
          step(
            'start',
            `start ${running.join(', ')}, check what they mount and wait for their health`,
          ),
        ]
      : []),
    ...(users.dependents.length > 0
      ? [
          step(
            'restart',
            `restart ${users.dependents.join(', ')}, which joined a namespace of theirs`,
          ),
        ]
      : []),
    ...untouched.map((name) => step('keep', `leave ${name} as it is: it is not in ${id}`)),
  ];
  return { plan, failures: [] };
}
