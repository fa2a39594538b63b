import type { SnapshotDocument } from '../model/snapshot.ts';
import { command, type Register } from './options.ts';
import { ms, table } from './render.ts';

export const snapshotsCommand: Register = (program, bind) => {
  command(program, 'snapshots [agents...]', {
    description: 'list restore points, newest first',
    example: 'cowherd snapshots alpha',
  }).action(async (agents: string[]) =>
    bind(async ({ output, context }) => {
      const { listSnapshots } = await import('../usecases/snapshots.ts');
      const snapshots = await listSnapshots(await context(), agents);
      if (output.json) output.document({ snapshots });
      else
        output.print(
          snapshots.length === 0
            ? 'there is no restore point yet; take one with: cowherd snapshot'
            : table(HEADINGS, snapshots.map(row)),
        );
      return 0;
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
    ...Object.entries(tags).map(([key, value]) => `${key}=${value}`),
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
