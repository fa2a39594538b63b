import type { AgentDocument } from '../usecases/agents.ts';
import { command, type Register } from './options.ts';
import { table, tellFailures } from './render.ts';
import { statusOf } from './status.ts';

export const agentsCommand: Register = (program, bind) => {
  command(program, 'agents [agents...]', {
    description: 'list agents with their containers, volumes and last snapshot',
    example: 'cowherd agents',
  }).action(async (agents: string[]) =>
    bind(async ({ output, context }) => {
      const { listAgents } = await import('../usecases/agents.ts');
      const document = await listAgents(await context(), agents);
      if (output.json) output.document(document);
      else if (document.agents.length === 0)
        output.print('there is no agent: Docker has no volume, and the config lists no path');
      else output.print(table(HEADINGS, document.agents.flatMap(rows)));
      if (!output.json) tellFailures(document.failures);
      return statusOf(document.failures, document.agents.length);
    }),
  );
};

const HEADINGS = ['AGENT', 'VOLUME', 'ON', 'ISOLATED', 'USED BY', 'LAST SNAPSHOT'];

function rows({ name, volumes, lastSnapshot }: AgentDocument): readonly (readonly string[])[] {
  return volumes.map((volume, index) => [
    index === 0 ? name : '',
    volume.name,
    volume.filesystem,
    volume.isolated ? 'yes' : 'no',
    volume.users.join(' '),
    index === 0 ? (lastSnapshot ?? 'never') : '',
  ]);
}
