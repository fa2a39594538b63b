import { command, type Register } from './options.ts';
import { findingLines } from './findings.ts';
import { bytes, table } from './render.ts';

export const statusCommand: Register = (program, bind) => {
  command(program, 'status', {
    description: 'one screen: what is protected how well, and what needs a person',
    example: 'cowherd status',
  }).action(async () =>
    bind(async ({ output, context }) => {
      const { status } = await import('../usecases/status.ts');
      const { NEEDS_PERSON, needsPerson } = await import('../usecases/finding.ts');
      const document = await status(await context());
      if (output.json) output.document(document);
      else {
        const rows = document.agents.map(
          ({ name, lastSnapshotAt, grade, restorePoints, pinned }) => [
            name,
            lastSnapshotAt ?? 'never',
            grade ?? '',
            String(restorePoints),
            String(pinned),
          ],
        );
        if (rows.length > 0)
          output.print(
            `${table(['AGENT', 'LAST SNAPSHOT', 'GRADE', 'RESTORE POINTS', 'PINNED'], rows)}\n`,
          );
        for (const { id, freeBytes, sizeBytes } of document.filesystems)
          output.print(`filesystem ${id}: ${bytes(freeBytes)} of ${bytes(sizeBytes)} free`);
        const [last] = document.runs;
        if (last !== undefined)
          output.print(`last run: ${last.command} at ${last.startedAt}: ${last.outcome}`);
        output.print(
          document.findings.length === 0 ? 'all is well' : findingLines(document.findings),
        );
      }
      return needsPerson(document.findings) ? NEEDS_PERSON : 0;
    }),
  );
};
