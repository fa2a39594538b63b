import type { Agent, Ambiguity, Observation } from './agent.ts';
import { CowherdError } from './errors.ts';
import { isGlob, matchesGlob } from './globs.ts';
import { encodeName } from './names.ts';
import { nearest } from './nearest.ts';
import { byName } from './usage.ts';

type Herd = Pick<Observation, 'agents' | 'ambiguous'>;

export interface Selection {
  /** By name, each once. */
  readonly agents: readonly Agent[];
  readonly warnings: readonly string[];
}

/**
 * The agents that exact names (also former ones of renamed agents) and globs pick; no pattern picks all.
 * Throws AGENT_UNKNOWN for exact names of none, AGENT_AMBIGUOUS for those of two kinds of source; a glob
 * that matches nothing is a warning.
 */
export function selectAgents(herd: Herd, patterns: readonly string[]): Selection {
  if (patterns.length === 0) return { agents: herd.agents, warnings: [] };
  const found = patterns.map((pattern) => ({ pattern, agents: matching(herd, pattern) }));
  const empty = found.filter(({ agents }) => agents.length === 0).map(({ pattern }) => pattern);
  const unknown = empty.filter((pattern) => !isGlob(pattern));
  if (unknown.length > 0) throw unknownAgents(unknown, herd.agents);
  return {
    agents: [...new Set(found.flatMap(({ agents }) => agents))].sort(byName),
    warnings: empty.map((pattern) => `no agent matches ${pattern}`),
  };
}

function matching(herd: Herd, pattern: string): readonly Agent[] {
  if (isGlob(pattern)) return herd.agents.filter((agent) => matchesGlob(agent.name, pattern));
  const meant = (name: string) => name === pattern || name === encodeName(pattern);
  const twice = herd.ambiguous.find(({ name }) => meant(name));
  if (twice !== undefined) throw ambiguousAgent(twice);
  const exact = herd.agents.filter((agent) => meant(agent.name));
  if (exact.length > 0) return exact;
  const former = herd.agents.filter((agent) => agent.aliases.some(meant));
  if (former.length < 2) return former;
  throw ambiguousAgent({
    name: pattern,
    sources: former.map(({ name }) => `agent ${name}, once so called,`),
  });
}

function ambiguousAgent({ name, sources }: Ambiguity): CowherdError {
  return new CowherdError('AGENT_AMBIGUOUS', `${name} is the name of ${sources.join(' and of ')}`, {
    hint: 'rename one of them, or set agents.groupBy in the config so that the names differ',
    details: { name, sources },
  });
}

function unknownAgents(unknown: readonly string[], agents: readonly Agent[]): CowherdError {
  const names = agents.flatMap((agent) => [agent.name, ...agent.aliases]);
  const guesses = unknown.flatMap((pattern) => nearest(pattern, names) ?? []);
  return new CowherdError('AGENT_UNKNOWN', `there is no agent ${unknown.join(', ')}`, {
    hint:
      guesses.length > 0
        ? `did you mean ${guesses.join(', ')}?`
        : 'cowherd agents lists them; agents.include and agents.exclude of the config may leave some out',
    details: { unknown },
  });
}
