import { command, type Register } from './options.ts';
import { findingLines } from './findings.ts';
import { table } from './render.ts';

export const doctorCommand: Register = (program, bind) => {
  command(program, 'doctor [agents...]', {
    description: 'check this host, and say for each agent what is protected and what is not',
    example: 'cowherd doctor\ncowherd doctor alpha --json',
  }).action(async (agents: string[]) =>
    bind(async ({ output, context }) => {
      const { doctor } = await import('../usecases/doctor.ts');
      const { NEEDS_PERSON, needsPerson } = await import('../usecases/finding.ts');
      const document = await doctor(await context(), agents);
      if (output.json) output.document(document);
      else {
        const rows = document.agents.flatMap(({ name, volumes }) =>
          volumes.map((volume, index) => [
            index === 0 ? name : '',
            volume.name,
            volume.tier,
            volume.protected ? 'yes' : 'no',
            volume.instantRollback ? 'yes' : `no: ${volume.missing ?? ''}`,
          ]),
        );
        if (rows.length > 0)
          output.print(
            `${table(['AGENT', 'VOLUME', 'TIER', 'PROTECTED', 'INSTANT ROLLBACK'], rows)}\n`,
          );
        output.print(
          document.findings.length === 0 ? 'all is well' : findingLines(document.findings),
        );
      }
      return needsPerson(document.findings) ? NEEDS_PERSON : 0;
    }),
  );
};
