import { CowherdError } from '../model/errors.ts';
import { isGlob } from '../model/globs.ts';
import { selectAgents } from '../model/select.ts';
import type { Context } from './context.ts';
import type { Host, PlacedAgent } from './host.ts';

/** The agents that names and globs pick, with warnings told. Throws AGENT_UNKNOWN, AGENT_AMBIGUOUS. */
export function selectPlaced(
  context: Context,
  host: Host,
  patterns: readonly string[],
): readonly PlacedAgent[] {
  const { agents, warnings } = selectAgents(host.observation, patterns);
  for (const warning of warnings) context.tell(`warning: ${warning}`);
  const names = new Set(agents.map(({ name }) => name));
  return host.agents.filter(({ name }) => names.has(name));
}

/** The one agent of an exact name. Throws AGENT_UNKNOWN, AGENT_AMBIGUOUS, USAGE for a glob. */
export function selectOne(context: Context, host: Host, name: string): PlacedAgent {
  const [agent] = isGlob(name) ? [] : selectPlaced(context, host, [name]);
  if (agent === undefined) {
    throw new CowherdError('USAGE', `${name} is not the name of one agent`, {
      hint: 'give one exact name; cowherd agents lists them',
    });
  }
  return agent;
}
