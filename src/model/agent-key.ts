/** How containers and volumes become agents: trinity's label, then compose project, then volume; or one label. */
export type GroupBy = 'auto' | { readonly label: string };

/** `agents:` of the config (CONTRACT.md, "Config"). */
export interface AgentsConfig {
  readonly groupBy: GroupBy;
  /** Globs of agent names. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Host directories as volumes of the agent so named; absolute, normalized, none within another. */
  readonly paths: readonly { readonly agent: string; readonly path: string }[];
}

export type KeyKind = 'label' | 'compose' | 'volume' | 'path';

/** What makes one agent: the kind of source its name comes from, and the name as it stands there. */
export interface AgentKey {
  readonly kind: KeyKind;
  readonly raw: string;
  /** Equal for the same agent, and only then. */
  readonly id: string;
}

const TRINITY_AGENT = 'trinity.agent-name';
const COMPOSE_PROJECT = 'com.docker.compose.project';

type Labels = Readonly<Record<string, string>>;

/** The key of a kind and a name. */
export function agentKey(kind: KeyKind, raw: string): AgentKey {
  return { kind, raw, id: `${kind}:${raw}` };
}

/** The agent that labels (of a container or a volume) name, or null when they name none. */
export function keyFromLabels(labels: Labels, groupBy: GroupBy): AgentKey | null {
  const label = labels[groupBy === 'auto' ? TRINITY_AGENT : groupBy.label] ?? '';
  if (label !== '') return agentKey('label', label);
  const project = groupBy === 'auto' ? (labels[COMPOSE_PROJECT] ?? '') : '';
  return project === '' ? null : agentKey('compose', project);
}

/** A key for people: `compose project "shop"`. */
export function describeKey(key: AgentKey): string {
  const what = {
    label: 'label',
    compose: 'compose project',
    volume: 'volume',
    path: 'listed path of',
  };
  return `${what[key.kind]} ${JSON.stringify(key.raw)}`;
}
