import { RUN_TAG } from '../model/run.ts';
import type { SnapshotDocument } from '../model/snapshot.ts';
import { command, type Register } from './options.ts';
import { ms, table, tellFailures } from './render.ts';
import { statusOf } from './status.ts';

export const snapshotsCommand: Register = (program, bind) => {
  command(program, 'snapshots [agents...]', {
    description: 'list restore points, newest first',
    example: 'cowherd snapshots alpha',
  }).action(async (agents: string[]) =>
    bind(async ({ output, context }) => {
      const { listSnapshots } = await import('../usecases/snapshots.ts');
      const document = await listSnapshots(await context(), agents);
      const { snapshots, failures } = document;
      if (output.json) output.document(document);
      else {
        if (snapshots.length > 0) output.print(table(HEADINGS, snapshots.map(row)));
        else if (failures.length === 0)
          output.print('there is no restore point yet; take one with: cowherd snapshot');
        tellFailures(failures);
      }
      return statusOf(failures, snapshots.length);
    }),
  );
};

const HEADINGS = ['SNAPSHOT', 'AGENT', 'TAKEN', 'GRADE', 'FROZEN', 'VOLUMES', 'NOTES'];

function row({
  id,
  agent,
  createdAt,
  grade,
  atRest,
  frozenMs,
  volumes,
  pinned,
  safety,
  tags,
}: SnapshotDocument): readonly string[] {
  const notes = [
    ...(pinned ? ['pinned'] : []),
    ...(safety ? ['safety'] : []),
    ...Object.entries(tags)
      .filter(([key]) => key !== RUN_TAG)
      .map(([key, value]) => `${key}=${value}`),
  ];
  return [
    id,
    agent,
    createdAt,
    grade,
    atRest ? 'at rest' : ms(frozenMs),
    String(volumes.length),
    notes.join(' '),
  ];
}
