import type { PlanDocument } from '../usecases/snapshot-dry-run.ts';
import type { Output } from './invocation.ts';
import { table, tellFailures } from './render.ts';
import { statusOf } from './status.ts';

/** Shows what a `--dry-run` found; its exit status. */
export function showPlan(output: Output, document: PlanDocument): number {
  const { plan, failures } = document;
  if (output.json) output.document(document);
  else {
    if (plan.length > 0)
      output.print(
        table(
          ['AGENT', 'STEP', 'WHAT'],
          plan.map(({ agent, step, text }) => [agent, step, text]),
        ),
      );
    else if (failures.length === 0) output.print('there is nothing to do');
    tellFailures(failures);
  }
  return statusOf(failures, plan.length);
}
